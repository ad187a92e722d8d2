// Hints that memory will be read or written soon.
#pragma once

namespace pypack {

inline void prefetch(const void* address) {
#if defined(__GNUC__)
    __builtin_prefetch(address);
#else
    (void)address;
#endif
}

// Stores leave in order, so one that waits for its line holds up all that come after it.
inline void prefetch_to_write(const void* address) {
#if defined(__GNUC__)
    __builtin_prefetch(address, 1);
#else
    (void)address;
#endif
}

}  // namespace pypack
