#include "batch/prefetcher.hpp"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

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

// A requested step. Finding its rows is little work, except where every rank deals out the rows of all: so
// whoever has nothing else to do, the thread or a waiting consumer, finds them for coming steps.
struct Job {
    StepRequest request;
    std::vector<RowRef> rows;
    enum class Rows : std::uint8_t { unknown, being_found, found } state = Rows::unknown;
    bool worth_finding_ahead = false;
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
    std::deque<Job> jobs;           // only the front leaves it, so that references stay good
    std::size_t advised = 0;        // of the jobs, from the front
    bool making = false;
    std::deque<Made> made;
    bool stop = false;
    std::thread thread;

    void run() {
        std::unique_lock lock(mutex);
        while (true) {
            const auto can_make = [&] {
                return !jobs.empty() && made.size() < depth && jobs.front().state != Job::Rows::being_found;
            };
            const auto can_advise = [&] {
                return ahead && advised < jobs.size() && jobs[advised].state != Job::Rows::being_found;
            };
            work.wait(lock, [&] { return stop || can_make() || can_advise() || to_find() != nullptr; });
            if (stop) return;
            if (can_advise()) {
                Job& job = jobs[advised++];
                if (job.state == Job::Rows::unknown) find(job, lock);
                lock.unlock();  // only this thread takes jobs away, so that this one stays
                read_ahead(maker->sources, job.rows);
                lock.lock();
                continue;
            }
            if (!can_make()) {
                find(*to_find(), lock);
                continue;
            }
            const Job job = std::move(jobs.front());
            jobs.pop_front();
            if (advised > 0) --advised;
            making = true;
            lock.unlock();
            Made result = make(job);
            lock.lock();
            making = false;
            made.push_back(std::move(result));
            ready.notify_one();
        }
    }

    // The first step whose rows are worth finding and nobody is at; null if there is none.
    [[nodiscard]] Job* to_find() {
        for (Job& job : jobs) {
            if (job.worth_finding_ahead && job.state == Job::Rows::unknown) return &job;
        }
        return nullptr;
    }

    // Finds the rows of a step, without the lock.
    void find(Job& job, std::unique_lock<std::mutex>& lock) {
        job.state = Job::Rows::being_found;
        lock.unlock();
        std::vector<RowRef> rows;
        bool found = true;
        try {
            rows = maker->rows(job.request);
        } catch (const std::exception&) {
            found = false;  // Whatever is wrong with the step is told when it is made.
        }
        lock.lock();
        job.rows = std::move(rows);
        job.state = found ? Job::Rows::found : Job::Rows::unknown;
        job.worth_finding_ahead = false;
    }

    [[nodiscard]] Made make(const Job& job) const {
        try {
            if (job.state == Job::Rows::found) return {maker->make(job.request, job.rows), nullptr};
            return {maker->make(job.request), nullptr};
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
        const bool dealt = request.balance != BalanceStrategy::none && request.world_size > 1;
        state_->jobs.push_back({std::move(request), {}, Job::Rows::unknown, dealt});
    }
    state_->work.notify_one();
}

MadeBatch Prefetcher::next() {
    if (state_->process != process_id())
        throw std::invalid_argument("the prefetching thread is the parent's");
    std::unique_lock lock(state_->mutex);
    if (state_->made.empty() && state_->jobs.empty() && !state_->making) {
        throw std::invalid_argument("no step was requested");
    }
    while (state_->made.empty()) {
        // The step that the thread takes next is left to it, unless it is busy with another.
        Job* job = state_->making ? state_->to_find() : nullptr;
        if (job == nullptr) {
            state_->ready.wait(lock);
            continue;
        }
        state_->find(*job, lock);
        state_->work.notify_one();  // it may have waited for just these rows
    }
    Made made = std::move(state_->made.front());
    state_->made.pop_front();
    lock.unlock();
    state_->work.notify_one();
    if (made.failure) std::rethrow_exception(made.failure);
    return std::move(made.batch);
}

}  // namespace pypack
