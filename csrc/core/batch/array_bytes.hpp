// How the arrays of a batch lie in one block of memory.
#pragma once

#include <cstdint>

#include "common/checked.hpp"

namespace pypack {

inline constexpr std::int64_t kArrayLine = 64;  // each array begins on a cache line of its own
// Between the arrays: where the same items of all arrays lie a power of two apart, they compete for the same
// few places in the caches (8 x 8192 tokens: 10 % of the time).
inline constexpr std::int64_t kArraysApart = 17 * kArrayLine;

// From the begin of an array to that of the next.
[[nodiscard]] inline std::int64_t array_bytes(std::int64_t items, std::int64_t item_size) {
    const std::int64_t bytes = checked_multiply(items, item_size, "the size of a batch");
    return checked_add(bytes, kArrayLine - 1 + kArraysApart, "the size of a batch") / kArrayLine * kArrayLine;
}

}  // namespace pypack
