#include "store/remote/forks.hpp"

#include <pthread.h>

#include <atomic>

namespace pypack {

namespace {

std::atomic<std::uint64_t> g_forks{0};

std::mutex& make_mutex() {
    static std::mutex mutex;
    ::pthread_atfork([] { cache_mutex().lock(); }, [] { cache_mutex().unlock(); },
                     [] {
                         ++g_forks;
                         cache_mutex().unlock();
                     });
    return mutex;
}

}  // namespace

std::mutex& cache_mutex() {
    static std::mutex& mutex = make_mutex();
    return mutex;
}

std::uint64_t forks() {
    return g_forks.load(std::memory_order_relaxed);
}

}  // namespace pypack
