#include "batch/prefetcher.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "common/interrupt.hpp"
#include "common/pause.hpp"
#include "common/thread_placement.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

namespace pypack {

namespace {

constexpr std::size_t kRemoteTogether = 16;  // so many steps of remote files, of which none is waited for
constexpr std::int64_t kParts = 4;           // that the steps read ahead are asked for in

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
    std::size_t depth = 1;
    std::shared_ptr<ReadAhead> ahead;  // null: nothing is read ahead
    std::size_t asked_together = 0;    // steps
    std::int64_t process = process_id();
    std::mutex mutex;
    std::condition_variable work;   // for the thread
    std::condition_variable ready;  // for the consumer
    std::deque<Job> jobs;           // only the front leaves it, so that references stay good
    std::size_t advised = 0;        // of the jobs, from the front
    bool making = false;
    std::deque<Made> made;
    std::atomic<bool> stop = false;
    std::size_t worth_finding = 0;           // jobs whose rows are worth finding ahead
    bool plans_remote = false;               // what coming steps need of remote files is asked for
    std::atomic<std::uint64_t> changes = 0;  // of all this, as far as somebody may wait for it
    std::thread thread;

    void run() {
        stop_waiting_if(&stop);
        std::unique_lock lock(mutex);
        while (true) {
            const auto can_make = [&] {
                return !jobs.empty() && made.size() < depth && jobs.front().state != Job::Rows::being_found;
            };
            // Steps are asked for together, as each time their places must be waited for; alone only what is
            // made next.
            const auto can_advise = [&] {
                const std::size_t waiting = jobs.size() - advised;
                return (ahead || plans_remote) && waiting > 0 && (waiting >= asked_together || advised == 0);
            };
            wait(lock, work, [&] { return stop || can_make() || can_advise() || to_find() != nullptr; });
            if (stop) return;
            if (can_advise()) {
                advise(lock);
                continue;
            }
            if (!can_make()) {
                find(*to_find(), lock);
                continue;
            }
            const Job job = std::move(jobs.front());
            jobs.pop_front();
            if (job.worth_finding_ahead) --worth_finding;
            if (advised > 0) --advised;
            making = true;
            ++changes;
            lock.unlock();
            Made result = make(job);
            lock.lock();
            making = false;
            made.push_back(std::move(result));
            ++changes;
            ready.notify_one();
            if (ahead) {
                lock.unlock();
                ahead->go_on();
                lock.lock();
                if (ahead->done()) ahead.reset();
            }
        }
    }

    // Asks the storage for the next steps, without the lock.
    void advise(std::unique_lock<std::mutex>& lock) {
        const std::size_t end = std::min(jobs.size(), advised + asked_together);
        std::vector<RowRef> rows;
        for (; advised < end; ++advised) {
            Job& job = jobs[advised];
            if (job.state == Job::Rows::unknown) find(job, lock);
            // A consumer that is at it tells when it has them.
            wait(lock, work, [&] { return stop || job.state != Job::Rows::being_found; });
            if (plans_remote && !maker->remote->was_complete()) {
                const auto batches = static_cast<std::int64_t>(advised) + 1;
                std::vector<RowRef> remote_rows = job.rows;
                lock.unlock();
                plan_remote(std::move(remote_rows), batches);
                lock.lock();
            }
            if (ahead) rows.insert(rows.end(), job.rows.begin(), job.rows.end());
        }
        if (!ahead) return;
        lock.unlock();
        ahead->rows(rows);
        lock.lock();
    }

    // Whatever is wrong is told when the step is made.
    void plan_remote(std::vector<RowRef> rows, std::int64_t batches) const {
        try {
            maker->remote->plan(std::move(rows), batches);
        } catch (const std::exception&) {
        }
    }

    // Waits until `come`, which may only become true with a change. To fall asleep and be woken takes as long
    // as a small batch, so that a change is looked out for a while first.
    template <typename Come>
    void wait(std::unique_lock<std::mutex>& lock, std::condition_variable& told, Come&& come) {
        if (!look_out(lock, come)) told.wait(lock, come);
    }

    template <typename Come>
    bool look_out(std::unique_lock<std::mutex>& lock, Come&& come) {
        constexpr std::chrono::microseconds kAwake{50};
        constexpr int kPauses = 16;
        if (come()) return true;
        const auto end = std::chrono::steady_clock::now() + kAwake;
        while (std::chrono::steady_clock::now() < end) {
            const std::uint64_t seen = changes;
            lock.unlock();
            while (changes == seen && std::chrono::steady_clock::now() < end) {
                // Two such threads may share a core's units, and one of them is at work.
                for (int i = 0; i < kPauses && changes == seen; ++i) pause();
                std::this_thread::yield();
            }
            lock.lock();
            if (come()) return true;
        }
        return false;
    }

    // The same for a tenth of a second at most; returns whether it has come.
    template <typename Come>
    bool wait_a_while(std::unique_lock<std::mutex>& lock, std::condition_variable& told, Come&& come) {
        constexpr std::chrono::milliseconds kWhile{100};
        if (look_out(lock, come)) return true;
        return told.wait_for(lock, kWhile, come);
    }

    // The first step whose rows are worth finding and nobody is at; null if there is none.
    [[nodiscard]] Job* to_find() {
        if (worth_finding == 0) return nullptr;
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
        if (job.worth_finding_ahead) --worth_finding;
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

Prefetcher::Prefetcher(std::shared_ptr<BatchMaker> maker, std::int64_t depth,
                       std::shared_ptr<ReadAhead> ahead, std::int64_t steps_ahead)
    : state_(std::make_shared<State>()) {
    if (depth < 1) throw std::invalid_argument("prefetch depth must be at least 1");
    if (ahead && steps_ahead < 1) throw std::invalid_argument("steps_ahead must be at least 1");
    state_->maker = std::move(maker);
    state_->depth = static_cast<std::size_t>(depth);
    state_->ahead = std::move(ahead);
    state_->asked_together = static_cast<std::size_t>((steps_ahead + kParts - 1) / kParts);
    state_->plans_remote = state_->maker->remote != nullptr && steps_ahead > 0;
    if (state_->plans_remote) state_->asked_together = std::min(state_->asked_together, kRemoteTogether);
    state_->thread = std::thread([state = state_.get()] { state->run(); });
    keep_off_own_core(state_->thread);
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
        ++state_->changes;
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
        if (dealt) ++state_->worth_finding;
        ++state_->changes;
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
            const bool come = state_->wait_a_while(lock, state_->ready, [&] {
                return !state_->made.empty() || (state_->making && state_->to_find() != nullptr);
            });
            if (come) continue;
            lock.unlock();
            check_interrupt();  // remote files may be waited for
            lock.lock();
            continue;
        }
        state_->find(*job, lock);
        ++state_->changes;
        state_->work.notify_one();  // it may have waited for just these rows
    }
    Made made = std::move(state_->made.front());
    state_->made.pop_front();
    ++state_->changes;
    lock.unlock();
    state_->work.notify_one();
    if (made.failure) std::rethrow_exception(made.failure);
    return std::move(made.batch);
}

}  // namespace pypack
