// The second pass of bulk best fit: documents in input order, each to the place that its run keeps for its
// rank. No sort and no scatter of the input: one cursor a length walks its runs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "common/random.hpp"
#include "pack/census.hpp"
#include "pack/runs.hpp"
#include "pack/stride.hpp"

namespace pypack {

// The runs as the walk reads them, once for every document. Index is uint32 while all ranks fit, else uint64.
template <typename Index>
class RunTable {
  public:
    struct Entry {
        Index first_rank;
        Index first_sequence;
        Index end_rank;
        std::uint32_t per_sequence;
        std::uint32_t slot;
        std::uint32_t whole;  // all ones where per_sequence is 1, which has no reciprocal below 1, else 0
        std::uint64_t reciprocal;  // of per_sequence in 1/2^64; 0 for 1
    };

    explicit RunTable(const Runs& runs) : first_(runs.first) {
        entries_.reserve(runs.runs.size());
        for (const Run& run : runs.runs) {
            const auto each = static_cast<std::uint32_t>(run.per_sequence);
            const std::int64_t end_rank = run.first_rank + (run.end_sequence - run.first_sequence) * each;
            entries_.push_back({static_cast<Index>(run.first_rank), static_cast<Index>(run.first_sequence),
                                static_cast<Index>(end_rank), each, static_cast<std::uint32_t>(run.slot),
                                each == 1 ? ~std::uint32_t{0} : 0,
                                each == 1 ? 0 : ~std::uint64_t{0} / each + 1});
        }
    }

    [[nodiscard]] const Entry& operator[](std::uint32_t run) const { return entries_[run]; }
    [[nodiscard]] std::uint32_t begin(std::size_t v) const { return first_[v]; }
    [[nodiscard]] std::uint32_t end(std::size_t v) const { return first_[v - 1]; }

    // within / per_sequence. A multiplication is exact below 2^32 (Lemire, Kaser, Kurz 2019, "Faster
    // remainder by direct computation") and takes a tenth of a division.
    static Index quotient(Index within, const Entry& run) {
        if constexpr (sizeof(Index) == 4) {
            __extension__ using Wide = unsigned __int128;
            const auto product = static_cast<Wide>(run.reciprocal) * within;
            return static_cast<Index>(product >> 64) + (within & run.whole);
        } else {
            return within / run.per_sequence;
        }
    }

  private:
    std::vector<Entry> entries_;
    std::span<const std::uint32_t> first_;
};

// Cursors of one chunk.
template <typename Index>
class RunWalk {
  public:
    // ranks[v]: the rank of the chunk's first piece of v units. starts[s]: where sequence s begins in the
    // output of spans; empty if only sequence numbers are wanted.
    RunWalk(const RunTable<Index>& runs, std::span<const std::int64_t> ranks,
            std::span<const std::int64_t> starts)
        : runs_(runs), starts_(starts.data()), cursors_(ranks.size()) {
        for (std::size_t v = 1; v < ranks.size(); ++v) {
            const auto rank = static_cast<Index>(ranks[v]);
            std::uint32_t run = runs.begin(v);
            while (run < runs.end(v) && runs[run].end_rank <= rank) ++run;
            if (run < runs.end(v)) cursors_[v] = {rank, runs[run].end_rank, run};
        }
    }

    // Sequence of the next piece of v units.
    Index next_sequence(std::size_t v) {
        const auto [run, within] = next(v);
        return run.first_sequence + RunTable<Index>::quotient(within, run);
    }

    // Index in the output of spans for the next piece of v units.
    Index next_place(std::size_t v) {
        const auto [run, within] = next(v);
        const Index sequence = RunTable<Index>::quotient(within, run);
        return static_cast<Index>(starts_[run.first_sequence + sequence]) + run.slot +
               (within - sequence * run.per_sequence);
    }

  private:
    struct Cursor {
        Index rank = 0;
        Index end_rank = 0;
        std::uint32_t run = 0;
    };
    struct Position {
        const typename RunTable<Index>::Entry& run;
        Index within;
    };

    // The only branch is rarely taken. Counting down the places of a sequence instead of dividing was tried:
    // its branch is taken at random, and it took twice as long at a sequence length of 2048.
    Position next(std::size_t v) {
        Cursor& cursor = cursors_[v];
        const Index rank = cursor.rank++;
        if (rank >= cursor.end_rank) [[unlikely]] {
            cursor.end_rank = runs_[++cursor.run].end_rank;
        }
        const auto& run = runs_[cursor.run];
        return {run, rank - run.first_rank};
    }

    const RunTable<Index>& runs_;
    const std::int64_t* starts_;
    std::vector<Cursor> cursors_;
};

// The same walk with decorrelation: the documents of one length take its places in golden-stride order
// instead of input order, so that documents that stand together in the corpus do not share a sequence.
class SpreadWalk {
  public:
    // starts[s]: where sequence s of the runs begins in the output of spans.
    SpreadWalk(const Runs& runs, std::span<const std::int64_t> totals, std::span<const std::int64_t> ranks,
               std::span<const std::int64_t> starts, std::uint64_t seed)
        : runs_(runs), starts_(starts), cursors_(ranks.size()) {
        for (std::size_t v = 1; v < ranks.size(); ++v) {
            if (totals[v] == 0) continue;
            cursors_[v].stride = GoldenStride(totals[v], random_bits(seed, kEqualLengths, v));
            cursors_[v].rank = cursors_[v].stride.at(ranks[v]);
        }
    }

    std::int64_t next_place(std::size_t v) {
        Cursor& cursor = cursors_[v];
        const std::int64_t rank = cursor.rank;
        cursor.rank = cursor.stride.next(rank);
        const auto begin = runs_.runs.begin() + runs_.first[v];
        const auto end = runs_.runs.begin() + runs_.first[v - 1];
        const auto after = std::upper_bound(
            begin, end, rank, [](std::int64_t r, const Run& run) { return r < run.first_rank; });
        const Run& run = *(after - 1);
        const std::int64_t within = rank - run.first_rank;
        const std::int64_t sequence = within / run.per_sequence;
        return starts_[static_cast<std::size_t>(run.first_sequence + sequence)] + run.slot +
               (within - sequence * run.per_sequence);
    }

  private:
    static constexpr std::uint64_t kEqualLengths = 0x657175616cULL;  // purpose of the draw

    struct Cursor {
        GoldenStride stride;
        std::int64_t rank = 0;
    };

    const Runs& runs_;
    std::span<const std::int64_t> starts_;
    std::vector<Cursor> cursors_;
};

// ranks[c][v]: rank of the first piece of v units in chunk c.
[[nodiscard]] std::vector<std::vector<std::int64_t>> first_ranks(const Census& census);

}  // namespace pypack
