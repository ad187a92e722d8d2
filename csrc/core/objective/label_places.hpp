// Where the labels of a span are: few of many, found a word of bits at a time.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "common/instructions.hpp"
#include "objective/masked_piece.hpp"

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

// Labels that were looked at, and those among them that are not kIgnoreLabel.
struct Listed {
    std::int64_t items;
    std::int64_t found;
};

// Lists the first labels that are not kIgnoreLabel: to `found` they go, and first + i of labels[i] to
// `places`; both have `room` items. It stops where these are nearly full, maybe at once: what is behind is
// the caller's.
template <typename Id>
[[nodiscard]] Listed list_labels(const Id* labels, std::int64_t count, std::int64_t first, std::int64_t room,
                                 Instructions instructions, Id* places, Id* found);

// What tells replaced tokens: labels[i] becomes 1 where it is not kIgnoreLabel, else kIgnoreLabel where bit
// i % 64 of unlearned[i / 64] is 1 or `never` has originals[i], else 0.
template <typename Id>
void tell_replaced(const Id* originals, Id* labels, std::int64_t count, const std::uint64_t* unlearned,
                   const NeverChosen& never, Instructions instructions);

}  // namespace pypack
