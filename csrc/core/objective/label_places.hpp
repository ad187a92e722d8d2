// Where the labels of a span are: few of many, found a word of bits at a time.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "common/instructions.hpp"

namespace pypack {

// Bit i is 1 where labels[i] is not kIgnoreLabel, of at most 64; the other bits are 0. `instructions`:
// resolved.
template <typename Id>
[[nodiscard]] std::uint64_t label_bits(const Id* labels, std::int64_t count, Instructions instructions);

// Calls visit(i) for every label that is not kIgnoreLabel, in order.
template <typename Id, typename Visit>
inline void for_each_label(const Id* labels, std::int64_t count, Instructions instructions, Visit&& visit) {
    for (std::int64_t first = 0; first < count; first += 64) {
        std::uint64_t bits =
            label_bits(labels + first, std::min<std::int64_t>(64, count - first), instructions);
        for (; bits != 0; bits &= bits - 1) visit(first + std::countr_zero(bits));
    }
}

// What tells replaced tokens: labels[i] becomes 1 where bit i of `replaced` is 1, else kIgnoreLabel where
// that of `none` is, else 0.
template <typename Id>
void tell(Id* labels, std::int64_t count, std::uint64_t replaced, std::uint64_t none,
          Instructions instructions);

}  // namespace pypack
