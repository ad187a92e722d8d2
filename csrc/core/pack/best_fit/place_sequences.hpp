// The second pass of bulk packing where only the sequence of each document is wanted: documents in input
// order, one cursor a length.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "pack/best_fit/placements.hpp"

namespace pypack {

class SequencePlacer {
  public:
    // ranks[v]: the rank of the first piece of v units.
    SequencePlacer(const Placements& placements, std::span<const std::int64_t> ranks)
        : placements_(placements),
          cursors_(ranks.size()),
          next_rank_(ranks.begin(), ranks.end()),
          placement_(placements.first.begin(), placements.first.end()) {}

    // Sequence of the next piece of v units. The only branch is rarely taken, and no document waits for more
    // than an addition of the one before it of its length. Tried, and slower: counting down the places of a
    // sequence with a branch, which is taken at random; a cursor of twice the size with the rank, from which
    // the sequence comes by a multiplication with the reciprocal.
    std::int64_t next(std::size_t v) {
        Cursor& cursor = cursors_[v];
        if (cursor.left == 0) [[unlikely]] {
            enter(v);
        }
        --cursor.left;
        const std::uint64_t at = cursor.at;
        cursor.at = at + cursor.step;
        return static_cast<std::int64_t>(at >> kFraction);
    }

  private:
    // Sequences in fixed point: a document advances by 1 / per_sequence, rounded up. The fraction is as wide
    // as the most documents a sequence holds (PackOptions::kMaxSequenceLength), and leaves room for 2^38
    // sequences.
    static constexpr int kFraction = 26;

    struct alignas(16) Cursor {
        std::uint64_t at = 0;
        std::uint32_t step = 0;
        std::uint32_t left = 0;  // documents until enter()
    };

    // The cursor of v anew, from its next document on: at the next placement, or where rounding would tell.
    void enter(std::size_t v) {
        constexpr std::int64_t kOne = std::int64_t{1} << kFraction;
        const std::int64_t rank = next_rank_[v];
        while (end_rank(placements_.all[placement_[v]]) <= rank) ++placement_[v];
        const Placement& placement = placements_.all[placement_[v]];
        const std::int64_t each = placement.per_sequence;
        const std::int64_t within = rank - placement.first_rank;
        const std::int64_t sequence = placement.first_sequence + within / each;
        const auto up = [each](std::int64_t parts) { return (parts * kOne + each - 1) / each; };
        Cursor& cursor = cursors_[v];
        cursor.at = static_cast<std::uint64_t>(sequence * kOne + up(within % each));
        cursor.step = static_cast<std::uint32_t>(up(1));
        // Of w steps, each is too long by less than 1, and so is the start: exact while w + 1 is at most the
        // last gap before the next sequence, which is kOne / each.
        const std::int64_t exact = std::max<std::int64_t>(kOne / each, 1);
        cursor.left = static_cast<std::uint32_t>(std::min(end_rank(placement) - rank, exact));
        next_rank_[v] = rank + cursor.left;
    }

    static std::int64_t end_rank(const Placement& placement) {
        return placement.first_rank +
               (placement.end_sequence - placement.first_sequence) * placement.per_sequence;
    }

    const Placements& placements_;
    std::vector<Cursor> cursors_;
    std::vector<std::int64_t> next_rank_;   // of the document at which the cursor ends
    std::vector<std::uint32_t> placement_;  // where the cursor is
};

}  // namespace pypack
