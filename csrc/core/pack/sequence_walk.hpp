// The second pass of bulk packing where only the sequence of each document is wanted: documents in input
// order, one cursor a length.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pack/runs.hpp"

namespace pypack {

// Index is uint32 while all ranks fit, else uint64.
template <typename Index>
class SequenceWalk {
  public:
    // ranks[v]: the rank of the first piece of v units.
    SequenceWalk(const Runs& runs, std::span<const std::int64_t> ranks)
        : runs_(runs), cursors_(ranks.size()), next_run_(ranks.size()) {
        for (std::size_t v = 1; v < ranks.size(); ++v) {
            std::uint32_t run = runs.first[v];
            while (run < runs.first[v - 1] && end_rank(runs.runs[run]) <= ranks[v]) ++run;
            next_run_[v] = run;
            if (run == runs.first[v - 1]) continue;
            enter(v);
            cursors_[v].rank = static_cast<Index>(ranks[v]);
        }
    }

    // Sequence of the next piece of v units. Nothing but the rank is written, and the only branch is rarely
    // taken: counting down the places of a sequence instead of dividing was tried with a branch, which is
    // taken at random, and without, where each document waits for the one before it of its length. Both took
    // twice as long at a sequence length of 2048.
    Index next(std::size_t v) {
        Cursor& cursor = cursors_[v];
        const Index rank = cursor.rank++;
        if (rank >= cursor.end_rank) [[unlikely]] {
            enter(v);
        }
        return cursor.first_sequence + cursor.quotient(rank - cursor.first_rank);
    }

  private:
    // All that a document needs of its run, in half a cache line: the runs themselves are scattered.
    struct alignas(8 * sizeof(Index)) Cursor {
        Index rank = 0;
        Index end_rank = 0;
        Index first_rank = 0;
        Index first_sequence = 0;
        std::uint64_t reciprocal = 0;  // of per_sequence in 1/2^64; 0 for 1
        std::uint32_t per_sequence = 1;
        std::uint32_t whole = 0;  // all ones where per_sequence is 1, which has no reciprocal below 1, else 0

        // within / per_sequence. A multiplication is exact below 2^32 (Lemire, Kaser, Kurz 2019, "Faster
        // remainder by direct computation") and takes a tenth of a division.
        [[nodiscard]] Index quotient(Index within) const {
            if constexpr (sizeof(Index) == 4) {
                __extension__ using Wide = unsigned __int128;
                const auto product = static_cast<Wide>(reciprocal) * within;
                return static_cast<Index>(product >> 64) + (within & whole);
            } else {
                return within / per_sequence;
            }
        }
    };

    static std::int64_t end_rank(const Run& run) {
        return run.first_rank + (run.end_sequence - run.first_sequence) * run.per_sequence;
    }

    // The next run of v.
    void enter(std::size_t v) {
        const Run& run = runs_.runs[next_run_[v]++];
        Cursor& cursor = cursors_[v];
        cursor.first_rank = static_cast<Index>(run.first_rank);
        cursor.end_rank = static_cast<Index>(end_rank(run));
        cursor.first_sequence = static_cast<Index>(run.first_sequence);
        const auto each = static_cast<std::uint32_t>(run.per_sequence);
        cursor.per_sequence = each;
        cursor.reciprocal = each == 1 ? 0 : ~std::uint64_t{0} / each + 1;
        cursor.whole = each == 1 ? ~std::uint32_t{0} : 0;
    }

    const Runs& runs_;
    std::vector<Cursor> cursors_;
    std::vector<std::uint32_t> next_run_;
};

}  // namespace pypack
