#include "pack/best_fit/alike_sequences.hpp"

#include <cstddef>

namespace pypack {

namespace {

struct PlacementOfUnits {
    const Placement* placement;
    std::size_t units;
};

}  // namespace

AlikeSequences alike_sequences_of(const Placements& placements) {
    std::vector<PlacementOfUnits> by_start;
    by_start.reserve(placements.all.size());
    std::vector<std::int64_t> borders;
    borders.reserve(2 * placements.all.size());
    for (std::size_t units = 1; units < placements.first.size(); ++units) {
        for (std::uint32_t i = placements.first[units]; i < placements.first[units - 1]; ++i) {
            const Placement& placement = placements.all[i];
            by_start.push_back({&placement, units});
            borders.push_back(placement.first_sequence);
            borders.push_back(placement.end_sequence);
        }
    }
    std::sort(by_start.begin(), by_start.end(), [](const PlacementOfUnits& a, const PlacementOfUnits& b) {
        return a.placement->first_sequence < b.placement->first_sequence;
    });
    std::sort(borders.begin(), borders.end());
    borders.erase(std::unique(borders.begin(), borders.end()), borders.end());

    AlikeSequences result;
    std::vector<PlacementOfUnits> active;  // by slot
    auto next = by_start.begin();
    std::int64_t spans_before = 0;
    for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
        const std::int64_t begin = borders[i];
        const std::int64_t end = borders[i + 1];
        std::erase_if(active,
                      [begin](const PlacementOfUnits& x) { return x.placement->end_sequence <= begin; });
        for (; next != by_start.end() && next->placement->first_sequence == begin; ++next) {
            const auto behind = std::upper_bound(
                active.begin(), active.end(), next->placement->slot,
                [](std::int32_t slot, const PlacementOfUnits& x) { return slot < x.placement->slot; });
            active.insert(behind, *next);
        }
        Stretch stretch{begin, end, spans_before, 0, result.parts.size(), 0};
        for (const auto& [placement, units] : active) {
            const std::int64_t rank =
                placement->first_rank + (begin - placement->first_sequence) * placement->per_sequence;
            result.parts.push_back({units, rank, placement->per_sequence});
            stretch.spans += placement->per_sequence;
        }
        stretch.end_part = result.parts.size();
        spans_before += (end - begin) * stretch.spans;
        result.stretches.push_back(stretch);
    }
    return result;
}

}  // namespace pypack
