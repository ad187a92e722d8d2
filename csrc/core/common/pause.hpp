// For loops that wait for another thread.
#pragma once

#if defined(__x86_64__) || defined(_M_X64)
#include <emmintrin.h>
#endif

namespace pypack {

// Leaves the units of a core to what else runs on it, for some ten nanoseconds.
inline void pause() {
#if defined(__x86_64__) || defined(_M_X64)
    _mm_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
    asm volatile("yield" ::: "memory");
#endif
}

}  // namespace pypack
