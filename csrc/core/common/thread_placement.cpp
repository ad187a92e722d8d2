#include "common/thread_placement.hpp"

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

namespace pypack {

void keep_off_own_core(std::thread& thread) {
#if defined(__linux__)
    cpu_set_t allowed;
    const int own = sched_getcpu();
    // It fails on machines of more cores than the set has room for, where there is no need either.
    if (own < 0 || sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
    cpu_set_t others = allowed;
    CPU_CLR(static_cast<unsigned>(own), &others);
    if (CPU_COUNT(&others) == 0) return;
    if (pthread_setaffinity_np(thread.native_handle(), sizeof(others), &others) != 0) return;
    (void)pthread_setaffinity_np(thread.native_handle(), sizeof(allowed), &allowed);
#else
    (void)thread;
#endif
}

}  // namespace pypack
