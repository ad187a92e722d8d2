// Where the placements put the documents of each length: places in the output of spans, by rank.
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
class SpanPlaces {
  public:
    SpanPlaces(const Placements& placements, std::span<const std::int64_t> starts)
        : placements_(placements), starts_(starts) {}

    // Calls put(i, place) for i in [0, count): documents `rank` + i of those with v units.
    template <typename Put>
    void each(std::size_t v, std::int64_t rank, std::int64_t count, Put&& put) const {
        const Placement* placement = &placement_of(v, rank);
        for (std::int64_t done = 0; done < count; ++placement) {
            const std::int64_t each = placement->per_sequence;
            const std::int64_t within = rank + done - placement->first_rank;
            const std::int64_t* start = starts_.data() + placement->first_sequence + within / each;
            const std::int64_t* const last = starts_.data() + placement->end_sequence;
            std::int64_t used = within % each;
            for (; start < last && done < count; ++start, used = 0) {
                const std::int64_t place = *start + placement->slot;
                for (; used < each && done < count; ++used) put(done++, place + used);
            }
        }
    }

    [[nodiscard]] const Placement& placement_of(std::size_t v, std::int64_t rank) const {
        const auto begin = placements_.all.begin() + placements_.first[v];
        const auto end = placements_.all.begin() + placements_.first[v - 1];
        return *(std::upper_bound(
                     begin, end, rank,
                     [](std::int64_t r, const Placement& placement) { return r < placement.first_rank; }) -
                 1);
    }

    [[nodiscard]] std::int64_t place(const Placement& placement, std::int64_t rank) const {
        const std::int64_t within = rank - placement.first_rank;
        const std::int64_t sequence = within / placement.per_sequence;
        return starts_[static_cast<std::size_t>(placement.first_sequence + sequence)] + placement.slot +
               (within - sequence * placement.per_sequence);
    }

  private:
    const Placements& placements_;
    std::span<const std::int64_t> starts_;
};

}  // namespace pypack
