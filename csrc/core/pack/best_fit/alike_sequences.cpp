#include "pack/best_fit/alike_sequences.hpp"

#include <cstddef>
#include <utility>

namespace pypack {

namespace {

// Calls visit(units, placement), from the longest documents down: the placements of each sequence in the
// order of their slots.
template <typename Visit>
void each_placement(const Placements& placements, Visit&& visit) {
    for (std::size_t units = placements.first.size() - 1; units >= 1; --units) {
        for (std::uint32_t i = placements.first[units]; i < placements.first[units - 1]; ++i) {
            visit(units, placements.all[i]);
        }
    }
}

}  // namespace

AlikeSequences alike_sequences_of(const Placements& placements) {
    AlikeSequences result;
    if (placements.num_sequences == 0) return result;
    Borders borders(placements.num_sequences);
    for (const Placement& placement : placements.all) {
        borders.add(placement.first_sequence);
        borders.add(placement.end_sequence);
    }
    borders.count();
    borders.each([&](std::int64_t sequence) {
        if (!result.stretches.empty()) result.stretches.back().end_sequence = sequence;
        result.stretches.push_back({sequence, sequence, 0, 0, 0, 0});
    });
    result.stretches.pop_back();  // the border behind the last sequence

    for (const Placement& placement : placements.all) {
        const std::size_t end = borders.number(placement.end_sequence);
        for (std::size_t i = borders.number(placement.first_sequence); i < end; ++i) {
            ++result.stretches[i].end_part;
        }
    }
    std::int64_t spans = 0;
    std::size_t parts = 0;
    for (Stretch& stretch : result.stretches) {
        const std::size_t here = stretch.end_part;
        stretch.first_part = stretch.end_part = parts;
        parts += here;
    }
    result.parts.resize(parts);
    each_placement(placements, [&](std::size_t units, const Placement& placement) {
        const std::size_t end = borders.number(placement.end_sequence);
        for (std::size_t i = borders.number(placement.first_sequence); i < end; ++i) {
            Stretch& stretch = result.stretches[i];
            const std::int64_t within = stretch.first_sequence - placement.first_sequence;
            result.parts[stretch.end_part++] = {units, placement.first_rank + within * placement.per_sequence,
                                                placement.per_sequence};
            stretch.spans += placement.per_sequence;
        }
    });
    for (Stretch& stretch : result.stretches) {
        stretch.first_span = spans;
        spans += (stretch.end_sequence - stretch.first_sequence) * stretch.spans;
    }
    result.borders = std::move(borders);
    return result;
}

}  // namespace pypack
