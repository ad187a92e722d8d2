#include "pack/best_fit/best_fit.hpp"

#include "common/parallel.hpp"
#include "pack/best_fit/place_spans.hpp"
#include "pack/best_fit/span_places.hpp"

namespace pypack {

namespace {

template <typename Places>
void place_spans(std::span<const Length> lengths, const PackOptions& options, const PieceCounts& piece_counts,
                 const Places& places, int num_threads, PlanArrays& plan) {
    auto ranks = first_ranks(piece_counts);
    parallel_for(static_cast<std::int64_t>(piece_counts.num_chunks()), num_threads, [&](std::int64_t c) {
        const auto index = static_cast<std::size_t>(c);
        place_pieces(
            chunk_of(lengths.size(), index, piece_counts.num_chunks()), options.align,
            piece_counts.by_chunk[index], std::move(ranks[index]), places,
            [&](Chunk documents, auto&& add) {
                for_each_counted_piece(lengths, documents, piece_counts.is_plain[index] != 0, options, add);
            },
            [&plan](const Piece& piece, std::int64_t place) { plan.set_span(place, piece); });
    });
}

// Sequences of the placements in golden-stride order: offsets of the plan, and where each of them begins.
struct SpreadSequences {
    Buffer<std::int64_t> offsets;
    Buffer<std::int64_t> starts;

    SpreadSequences(const Buffer<std::int64_t>& in_order, std::uint64_t seed)
        : offsets(in_order.size()), starts(in_order.size() - 1) {
        constexpr std::uint64_t kOrderOfSequences = 0x6f72646572ULL;  // purpose of the draw
        const std::int64_t sequences = starts.size();
        const GoldenStride stride(sequences, random_bits(seed, kOrderOfSequences, 0));
        std::int64_t total = 0;
        std::int64_t sequence = sequences > 0 ? stride.at(0) : 0;
        for (std::int64_t place = 0; place < sequences; ++place) {
            offsets[place] = total;
            starts[sequence] = total;
            total += in_order[sequence + 1] - in_order[sequence];
            sequence = stride.next(sequence);
        }
        offsets[sequences] = total;
    }
};

PlanArrays pack_in_bulk(std::span<const Length> lengths, const PackOptions& options,
                        Placements (*make_placements)(std::span<const std::int64_t>, Length),
                        std::optional<std::uint64_t> seed, int num_threads) {
    const PieceCounts piece_counts = count_pieces(lengths, options, num_threads);
    const Placements placements = make_placements(piece_counts.totals, options.max_documents);
    PlanArrays plan;
    plan.counts = piece_counts.plan_counts;
    plan.resize_spans(placements.num_items);
    plan.sequence_capacity.resize(placements.num_sequences);
    std::fill_n(plan.sequence_capacity.data(), placements.num_sequences, options.sequence_length);
    plan.sequence_offsets = sequence_starts(placements);
    if (seed) {
        SpreadSequences spread(plan.sequence_offsets, *seed);
        plan.sequence_offsets = std::move(spread.offsets);
        const SpreadPlaces places(placements, piece_counts.totals, spread.starts.view(), *seed);
        place_spans(lengths, options, piece_counts, places, num_threads, plan);
    } else {
        const SpanPlaces places(placements, plan.sequence_offsets.view());
        place_spans(lengths, options, piece_counts, places, num_threads, plan);
    }
    return plan;
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
