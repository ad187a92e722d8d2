// Threads are made per call and joined before it returns: threads that outlive the call deadlock in a
// forked child (DataLoader workers). Spawn and join cost about 34 us for one extra thread, so callers run
// small work inline.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "common/interrupt.hpp"
#include "common/thread_placement.hpp"

namespace pypack {

// Calls task(chunk) for every chunk in [0, num_chunks), on at most num_threads threads, the caller's among
// them. Chunks are claimed from one counter, so a task must write only into slots that its chunk owns; the
// result is then the same for every number of threads. The first exception thrown by a task stops the
// claiming of further chunks and is rethrown here.
template <typename Task>
void parallel_for(std::int64_t num_chunks, int num_threads, Task&& task) {
    if (num_chunks <= 0) return;
    if (num_threads <= 1 || num_chunks == 1) {
        for (std::int64_t chunk = 0; chunk < num_chunks; ++chunk) {
            check_interrupt();
            task(chunk);
        }
        return;
    }
    std::atomic<std::int64_t> next{0};
    std::exception_ptr failure;
    std::mutex failure_mutex;
    auto work = [&] {
        try {
            for (std::int64_t chunk; (chunk = next.fetch_add(1, std::memory_order_relaxed)) < num_chunks;) {
                check_interrupt();
                task(chunk);
            }
        } catch (...) {
            const std::lock_guard lock(failure_mutex);
            if (!failure) failure = std::current_exception();
            next.store(num_chunks, std::memory_order_relaxed);
        }
    };
    const auto extra = static_cast<std::size_t>(num_threads < num_chunks ? num_threads - 1 : num_chunks - 1);
    std::vector<std::thread> threads;
    threads.reserve(extra);
    try {
        for (std::size_t i = 0; i < extra; ++i) {
            threads.emplace_back(work);
            keep_off_own_core(threads.back());
        }
    } catch (const std::system_error&) {
        // The system refuses more threads: those that started, and the caller, do the work.
    }
    work();
    for (auto& thread : threads) thread.join();
    if (failure) std::rethrow_exception(failure);
}

}  // namespace pypack
