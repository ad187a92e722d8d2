// Where the runs put the documents of each length: places in the output of spans, by rank.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "common/random.hpp"
#include "pack/best_fit/placements.hpp"
#include "pack/best_fit/stride.hpp"

namespace pypack {

// starts[s]: where sequence s begins in the output of spans.
class RunPlaces {
  public:
    RunPlaces(const Runs& runs, std::span<const std::int64_t> starts) : runs_(runs), starts_(starts) {}

    // Calls put(i, place) for i in [0, count): documents `rank` + i of those with v units.
    template <typename Put>
    void each(std::size_t v, std::int64_t rank, std::int64_t count, Put&& put) const {
        const Run* run = &run_of(v, rank);
        for (std::int64_t done = 0; done < count; ++run) {
            const std::int64_t each = run->per_sequence;
            const std::int64_t within = rank + done - run->first_rank;
            const std::int64_t* start = starts_.data() + run->first_sequence + within / each;
            const std::int64_t* const last = starts_.data() + run->end_sequence;
            std::int64_t used = within % each;
            for (; start < last && done < count; ++start, used = 0) {
                const std::int64_t place = *start + run->slot;
                for (; used < each && done < count; ++used) put(done++, place + used);
            }
        }
    }

    [[nodiscard]] const Run& run_of(std::size_t v, std::int64_t rank) const {
        const auto begin = runs_.runs.begin() + runs_.first[v];
        const auto end = runs_.runs.begin() + runs_.first[v - 1];
        return *(std::upper_bound(begin, end, rank,
                                  [](std::int64_t r, const Run& run) { return r < run.first_rank; }) -
                 1);
    }

    [[nodiscard]] std::int64_t place(const Run& run, std::int64_t rank) const {
        const std::int64_t within = rank - run.first_rank;
        const std::int64_t sequence = within / run.per_sequence;
        return starts_[static_cast<std::size_t>(run.first_sequence + sequence)] + run.slot +
               (within - sequence * run.per_sequence);
    }

  private:
    const Runs& runs_;
    std::span<const std::int64_t> starts_;
};

// The same with decorrelation: the documents of one length take its places in golden-stride order instead of
// input order, so that documents that stand together in the corpus do not share a sequence. (Three passes
// that each write what lies together, by length, into sequences in order, and these in their final order,
// took as long or longer: what waits for memory is the sequences in their order, not the documents.)
class SpreadPlaces {
  public:
    SpreadPlaces(const Runs& runs, std::span<const std::int64_t> totals, std::span<const std::int64_t> starts,
                 std::uint64_t seed)
        : places_(runs, starts), strides_(totals.size()) {
        for (std::size_t v = 1; v < totals.size(); ++v) {
            if (totals[v] > 0) strides_[v] = GoldenStride(totals[v], random_bits(seed, kEqualLengths, v));
        }
    }

    template <typename Put>
    void each(std::size_t v, std::int64_t rank, std::int64_t count, Put&& put) const {
        const GoldenStride& stride = strides_[v];
        std::int64_t image = stride.at(rank);
        for (std::int64_t i = 0; i < count; ++i, image = stride.next(image)) {
            put(i, places_.place(places_.run_of(v, image), image));
        }
    }

  private:
    static constexpr std::uint64_t kEqualLengths = 0x657175616cULL;  // purpose of the draw

    RunPlaces places_;
    std::vector<GoldenStride> strides_;
};

}  // namespace pypack
