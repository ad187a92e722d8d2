// Packing in bulk by length: the plan of a hundred million documents as a few ten thousand placements.
//
// A packer that takes documents from the longest down cannot tell documents of one length apart, nor
// sequences with the same room. So it takes, for each length, a group of equal sequences, and serves all of
// them at once. One such step is a placement.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/buffer.hpp"
#include "common/types.hpp"

namespace pypack {

// `per_sequence` documents of one length in each of the sequences [first_sequence, end_sequence), behind the
// `slot` documents that these hold already. The documents of a length are ranked in input order, and the
// placements of a length take them in order.
struct Placement {
    std::int64_t first_rank;
    std::int64_t first_sequence;
    std::int64_t end_sequence;
    std::int32_t per_sequence;
    std::int32_t slot;
};

struct Placements {
    std::vector<Placement> all;
    std::vector<std::uint32_t> first;  // [capacity + 1]: those of length v are [first[v], first[v - 1])
    std::int64_t num_sequences = 0;
    std::int64_t num_items = 0;
};

// counts[v], v in [0, capacity]: how many documents have length v (those of length 0 are ignored).

// Best-fit-decreasing. The fills equal those of best fit document by document, because after one document is
// placed its sequence is the tightest one, so it takes the next document of that length too. With
// max_documents this is the longest-pack-first histogram packing of Krell et al. (arXiv 2107.02027).
[[nodiscard]] Placements best_fit_placements(std::span<const std::int64_t> counts, Length max_documents);

// Shortest-pack-first histogram packing of the same paper: one document into each of the sequences with the
// most room; a new sequence for each that does not fit.
[[nodiscard]] Placements worst_fit_placements(std::span<const std::int64_t> counts, Length max_documents);

// starts[s] .. starts[s + 1]: the spans of sequence s. int64 [num_sequences + 1].
[[nodiscard]] Buffer<std::int64_t> sequence_starts(const Placements& placements);

}  // namespace pypack
