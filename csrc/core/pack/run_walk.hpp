// The second pass of bulk best fit: documents in input order, each to the place that its run keeps for its
// rank. No sort and no scatter of the input: one cursor a length walks its runs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pack/census.hpp"
#include "pack/runs.hpp"

namespace pypack {

// Cursors of one chunk. Index is uint32 while all ranks fit (half the cache), else uint64.
template <typename Index>
class RunWalk {
  public:
    // ranks[v]: the rank of the chunk's first piece of v units. starts: where each sequence begins in the
    // output of spans, or empty if only sequence numbers are wanted.
    RunWalk(const Runs& runs, std::span<const std::int64_t> ranks, std::span<const std::int64_t> starts)
        : runs_(runs.runs), starts_(starts), cursors_(ranks.size()) {
        for (std::size_t v = 1; v < ranks.size(); ++v) {
            std::uint32_t run = runs.first[v];
            const std::uint32_t end = runs.first[v - 1];
            while (run < end && end_rank(runs_[run]) <= ranks[v]) ++run;
            if (run == end) continue;  // this chunk and those after it have no piece of v units
            const std::int64_t within = ranks[v] - runs_[run].first_rank;
            const Run& at = runs_[run];
            Cursor& cursor = cursors_[v];
            cursor.run = run;
            cursor.sequence = static_cast<Index>(at.first_sequence + within / at.per_sequence);
            const auto taken = static_cast<std::int32_t>(within % at.per_sequence);
            cursor.left = static_cast<std::uint32_t>(at.per_sequence - taken);
            if (!starts_.empty()) cursor.place = place_of(cursor.sequence, at.slot + taken);
        }
    }

    // Sequence of the next piece of v units.
    Index next_sequence(std::size_t v) {
        Cursor& cursor = cursors_[v];
        if (cursor.left == 0) [[unlikely]] {
            advance(cursor);
        }
        --cursor.left;
        return cursor.sequence;
    }

    // Index in the output of spans for the next piece of v units.
    Index next_place(std::size_t v) {
        Cursor& cursor = cursors_[v];
        if (cursor.left == 0) {
            advance(cursor);
            cursor.place = place_of(cursor.sequence, runs_[cursor.run].slot);
        }
        --cursor.left;
        return cursor.place++;
    }

  private:
    struct Cursor {
        Index sequence = 0;
        Index place = 0;
        std::uint32_t left = 0;  // pieces that the sequence still takes from this run
        std::uint32_t run = 0;
    };

    static std::int64_t end_rank(const Run& run) {
        return run.first_rank + (run.end_sequence - run.first_sequence) * run.per_sequence;
    }

    [[nodiscard]] Index place_of(Index sequence, std::int32_t slot) const {
        return static_cast<Index>(starts_[sequence] + slot);
    }

    void advance(Cursor& cursor) {
        if (static_cast<std::int64_t>(++cursor.sequence) == runs_[cursor.run].end_sequence) {
            cursor.sequence = static_cast<Index>(runs_[++cursor.run].first_sequence);
        }
        cursor.left = static_cast<std::uint32_t>(runs_[cursor.run].per_sequence);
    }

    std::span<const Run> runs_;
    std::span<const std::int64_t> starts_;
    std::vector<Cursor> cursors_;
};

// ranks[c][v]: rank of the first piece of v units in chunk c.
[[nodiscard]] std::vector<std::vector<std::int64_t>> first_ranks(const Census& census);

}  // namespace pypack
