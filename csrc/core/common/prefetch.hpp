// Hints that memory will be read or written soon.
#pragma once

#include <cstdint>

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

// The lines of values [first, first + size).
template <typename Value>
inline void prefetch_run(const Value* first, std::int64_t size) {
    constexpr auto kLine = static_cast<std::int64_t>(64 / sizeof(Value));
    for (std::int64_t i = 0; i < size; i += kLine) prefetch(first + i);
}

}  // namespace pypack
