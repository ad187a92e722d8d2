#include "pack/best_fit/best_fit.hpp"

#include "pack/best_fit/place_spans.hpp"
#include "pack/best_fit/span_places.hpp"
#include "pack/best_fit/write_plan.hpp"

namespace pypack {

namespace {

PlanArrays pack_in_bulk(std::span<const Length> lengths, const PackOptions& options,
                        Placements (*make_placements)(std::span<const std::int64_t>, Length),
                        std::optional<std::uint64_t> seed, int num_threads) {
    const PieceCounts piece_counts = count_pieces(lengths, options, num_threads);
    const Placements placements = make_placements(piece_counts.totals, options.max_documents);
    return write_plan(lengths, options, piece_counts, placements, seed, num_threads);
}

}  // namespace

PieceRows best_fit_pieces(std::span<const Piece> pieces, const PackOptions& options) {
    const auto units = static_cast<std::size_t>(options.sequence_length / options.align);
    std::vector<std::uint32_t> counts(units + 1, 0);
    for (const Piece& piece : pieces) ++counts[units_of(piece.length, options.align)];
    const Placements placements =
        best_fit_placements(std::vector<std::int64_t>(counts.begin(), counts.end()), options.max_documents);
    PieceRows rows{std::vector<Piece>(pieces.size()), sequence_starts(placements)};
    SpanPlacer<Piece> placer(std::vector<std::int64_t>(units + 1, 0));
    placer.place(
        counts, SpanPlaces(placements, rows.offsets.view()),
        [&](auto&& add) {
            for (const Piece& piece : pieces) add(units_of(piece.length, options.align), piece);
        },
        [&](std::size_t, const Piece& piece, std::int64_t place) {
            rows.pieces[static_cast<std::size_t>(place)] = piece;
        });
    return rows;
}

PlanArrays best_fit(std::span<const Length> lengths, const PackOptions& options,
                    std::optional<std::uint64_t> seed, int num_threads) {
    return pack_in_bulk(lengths, options, best_fit_placements, seed, num_threads);
}

PlanArrays histogram(std::span<const Length> lengths, const PackOptions& options, HistogramPacking packing,
                     int num_threads) {
    const bool shortest = packing == HistogramPacking::shortest_pack_first;
    return pack_in_bulk(lengths, options, shortest ? worst_fit_placements : best_fit_placements, std::nullopt,
                        num_threads);
}

}  // namespace pypack
