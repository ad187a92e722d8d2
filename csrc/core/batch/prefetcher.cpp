#include "batch/prefetcher.hpp"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "batch/read_ahead.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

namespace pypack {

namespace {

std::int64_t process_id() {
#if defined(__unix__) || defined(__APPLE__)
    return ::getpid();
#else
    return 0;
#endif
}

struct Made {
    MadeBatch batch;
    std::exception_ptr failure;
};

}  // namespace

struct Prefetcher::State {
    std::shared_ptr<BatchMaker> maker;
    std::size_t depth;
    bool ahead;
    std::int64_t process = process_id();
    std::mutex mutex;
    std::condition_variable work;   // for the thread
    std::condition_variable ready;  // for the consumer
    std::deque<StepRequest> requests;
    std::size_t advised = 0;  // of the requests, from the front
    bool making = false;
    std::deque<Made> made;
    bool stop = false;
    std::thread thread;

    void run() {
        std::unique_lock lock(mutex);
        while (true) {
            const auto can_make = [&] { return !requests.empty() && made.size() < depth; };
            const auto can_advise = [&] { return ahead && advised < requests.size(); };
            work.wait(lock, [&] { return stop || can_make() || can_advise(); });
            if (stop) return;
            if (can_advise()) {
                const StepRequest request = requests[advised++];
                lock.unlock();
                advise(request);
                lock.lock();
                continue;
            }
            const StepRequest request = std::move(requests.front());
            requests.pop_front();
            if (advised > 0) --advised;
            making = true;
            lock.unlock();
            Made result = make(request);
            lock.lock();
            making = false;
            made.push_back(std::move(result));
            ready.notify_one();
        }
    }

    void advise(const StepRequest& request) const {
        try {
            read_ahead(maker->sources, maker->rows(request));
        } catch (const std::exception&) {
            // Whatever is wrong with the step is told when it is made.
        }
    }

    [[nodiscard]] Made make(const StepRequest& request) const {
        try {
            return {maker->make(request), nullptr};
        } catch (...) {
            return {{}, std::current_exception()};
        }
    }
};

Prefetcher::Prefetcher(std::shared_ptr<BatchMaker> maker, std::int64_t depth, bool read_ahead)
    : state_(std::make_shared<State>()) {
    if (depth < 1) throw std::invalid_argument("prefetch depth must be at least 1");
    state_->maker = std::move(maker);
    state_->depth = static_cast<std::size_t>(depth);
    state_->ahead = read_ahead;
    state_->thread = std::thread([state = state_.get()] { state->run(); });
}

Prefetcher::~Prefetcher() {
    if (state_->process != process_id()) {
        // The thread was not copied by fork, and may have held the mutex: the state is given up as it is.
        new std::shared_ptr<State>(std::move(state_));
        return;
    }
    {
        const std::lock_guard lock(state_->mutex);
        state_->stop = true;
    }
    state_->work.notify_one();
    state_->thread.join();
}

void Prefetcher::request(StepRequest request) {
    if (state_->process != process_id())
        throw std::invalid_argument("the prefetching thread is the parent's");
    {
        const std::lock_guard lock(state_->mutex);
        state_->requests.push_back(std::move(request));
    }
    state_->work.notify_one();
}

MadeBatch Prefetcher::next() {
    if (state_->process != process_id())
        throw std::invalid_argument("the prefetching thread is the parent's");
    std::unique_lock lock(state_->mutex);
    if (state_->made.empty() && state_->requests.empty() && !state_->making) {
        throw std::invalid_argument("no step was requested");
    }
    state_->ready.wait(lock, [&] { return !state_->made.empty(); });
    Made made = std::move(state_->made.front());
    state_->made.pop_front();
    lock.unlock();
    state_->work.notify_one();
    if (made.failure) std::rethrow_exception(made.failure);
    return std::move(made.batch);
}

}  // namespace pypack
