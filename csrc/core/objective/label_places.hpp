// Where the labels of a span are: few of many, found a word of bits at a time.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "common/types.hpp"

namespace pypack {

// Calls visit(i) for every label that is not kIgnoreLabel, in order.
template <typename Id, typename Visit>
inline void for_each_label(const Id* labels, std::int64_t count, Visit&& visit) {
    for (std::int64_t first = 0; first < count; first += 64) {
        const std::int64_t size = std::min<std::int64_t>(64, count - first);
        std::uint64_t bits = 0;
        for (std::int64_t i = 0; i < size; ++i) {
            bits |= static_cast<std::uint64_t>(labels[first + i] != static_cast<Id>(kIgnoreLabel)) << i;
        }
        for (; bits != 0; bits &= bits - 1) visit(first + std::countr_zero(bits));
    }
}

}  // namespace pypack
