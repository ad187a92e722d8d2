// Best-fit-decreasing over all documents: the fewest sequences that are known to be had in linear time
// (Coffman, Garey and Johnson 1984; at most 11/9 of the optimum, on real lengths within 0.2 % of it).
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "pack/plan/plan_arrays.hpp"

namespace pypack {

// Sequences as rows of pieces: row s is pieces[offsets[s]] .. pieces[offsets[s + 1]].
struct PieceRows {
    std::vector<Piece> pieces;
    Buffer<std::int64_t> offsets;

    [[nodiscard]] std::int64_t num_rows() const { return offsets.size() - 1; }
    [[nodiscard]] std::span<const Piece> row(std::int64_t s) const {
        return std::span(pieces).subspan(static_cast<std::size_t>(offsets[s]),
                                         static_cast<std::size_t>(offsets[s + 1] - offsets[s]));
    }
};

// The same for a few pieces in hand, such as the last ones of a stream.
[[nodiscard]] PieceRows best_fit_pieces(std::span<const Piece> pieces, const PackOptions& options);

// With a seed, decorrelated: documents of equal length and finished sequences come in golden-stride orders
// that it shifts, so that neither documents that stand together in the corpus nor sequences of like content
// do in the plan.
[[nodiscard]] PlanArrays best_fit(std::span<const Length> lengths, const PackOptions& options,
                                  std::optional<std::uint64_t> seed, int num_threads);

// The histogram packers of Krell et al., which are worst and best fit on documents from the longest down.
enum class HistogramPacking : std::uint8_t {
    shortest_pack_first,  // SPFHP: into the sequence with the most room
    longest_pack_first,  // LPFHP: into the one with the least room that suffices; best fit under another name
};

[[nodiscard]] PlanArrays histogram(std::span<const Length> lengths, const PackOptions& options,
                                   HistogramPacking packing, int num_threads);

}  // namespace pypack
