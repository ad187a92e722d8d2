// The sequences of bulk packing in their order: a plan is then written from its first span to its last, where
// documents in input order go all over it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "pack/best_fit/borders.hpp"
#include "pack/best_fit/placements.hpp"

namespace pypack {

// `per_sequence` documents with `units` in each sequence of a stretch; the first sequence has those of rank
// `first_rank` on.
struct StretchPart {
    std::size_t units;
    std::int64_t first_rank;
    std::int32_t per_sequence;
};

// Consecutive sequences that the same placements fill, so that all hold documents of the same lengths: parts
// [first_part, end_part), in the order of their slots.
struct Stretch {
    std::int64_t first_sequence;
    std::int64_t end_sequence;
    std::int64_t first_span;  // of the first sequence, among the spans of all
    std::int64_t spans;       // of each sequence
    std::size_t first_part;
    std::size_t end_part;
};

struct AlikeSequences {
    std::vector<Stretch> stretches;
    std::vector<StretchPart> parts;
    Borders borders{0};  // where stretches begin, and the last one ends

    [[nodiscard]] const Stretch& stretch_of(std::int64_t sequence) const {
        return stretches[borders.number(sequence + 1) - 1];
    }

    // Calls work(stretch, first, end) for the stretches in sequences [begin, end), cut to these.
    template <typename Work>
    void each(std::int64_t begin, std::int64_t end, Work&& work) const {
        if (begin >= end) return;
        for (const Stretch* stretch = &stretch_of(begin); begin < end; ++stretch) {
            const std::int64_t last = std::min(end, stretch->end_sequence);
            work(*stretch, begin, last);
            begin = last;
        }
    }
};

[[nodiscard]] AlikeSequences alike_sequences_of(const Placements& placements);

}  // namespace pypack
