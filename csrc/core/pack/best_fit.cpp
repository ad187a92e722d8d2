#include "pack/best_fit.hpp"

#include "common/parallel.hpp"
#include "pack/run_walk.hpp"

namespace pypack {

std::vector<std::vector<std::int64_t>> first_ranks(const Census& census) {
    std::vector<std::vector<std::int64_t>> ranks(census.num_chunks(),
                                                 std::vector<std::int64_t>(census.totals.size(), 0));
    for (std::size_t c = 1; c < census.num_chunks(); ++c) {
        for (std::size_t v = 0; v < census.totals.size(); ++v) {
            ranks[c][v] = ranks[c - 1][v] + census.by_chunk[c - 1][v];
        }
    }
    return ranks;
}

namespace {

// make_walk(ranks) makes the walk of a chunk whose pieces have these first ranks.
template <typename MakeWalk>
void place_spans(std::span<const Length> lengths, const PackOptions& options, const Census& census,
                 int num_threads, PlanArrays& plan, MakeWalk&& make_walk) {
    const auto ranks = first_ranks(census);
    // Nearly every piece starts its document: zeros in one stream, and few scattered writes for the others.
    std::fill_n(plan.span_start.data(), plan.span_start.size(), 0);
    parallel_for(static_cast<std::int64_t>(census.num_chunks()), num_threads, [&](std::int64_t c) {
        const auto index = static_cast<std::size_t>(c);
        auto walk = make_walk(ranks[index]);
        PlanCounts counted_before;
        std::int64_t* const document_out = plan.span_document.data();
        Length* const start_out = plan.span_start.data();
        Length* const length_out = plan.span_length.data();
        const Chunk chunk = chunk_of(lengths.size(), index, census.num_chunks());
        for_each_piece(lengths, chunk, options, counted_before,
                       [&](std::int64_t document, Length start, Length length) {
                           const auto at = walk.next_place(units_of(length, options.align));
                           document_out[at] = document;
                           length_out[at] = length;
                           if (start > 0) [[unlikely]] {
                               start_out[at] = start;
                           }
                       });
    });
}

// Sequences of the runs in golden-stride order: offsets of the plan, and where each sequence of the runs
// begins.
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
                        Runs (*make_runs)(std::span<const std::int64_t>, Length),
                        std::optional<std::uint64_t> seed, int num_threads) {
    const Census census = take_census(lengths, options, num_threads);
    const Runs runs = make_runs(census.totals, options.max_documents);
    PlanArrays plan;
    plan.counts = census.counts;
    plan.resize_spans(runs.num_items);
    plan.sequence_capacity.resize(runs.num_sequences);
    std::fill_n(plan.sequence_capacity.data(), runs.num_sequences, options.sequence_length);
    plan.sequence_offsets = sequence_starts(runs);
    const auto place = [&](auto&& make_walk) {
        place_spans(lengths, options, census, num_threads, plan, make_walk);
    };
    using Ranks = std::span<const std::int64_t>;
    if (seed) {
        SpreadSequences spread(plan.sequence_offsets, *seed);
        plan.sequence_offsets = std::move(spread.offsets);
        place(
            [&](Ranks ranks) { return SpreadWalk(runs, census.totals, ranks, spread.starts.view(), *seed); });
    } else if (runs.num_items < (std::int64_t{1} << 32)) {
        const RunTable<std::uint32_t> table(runs);
        place([&](Ranks ranks) { return RunWalk(table, ranks, plan.sequence_offsets.view()); });
    } else {
        const RunTable<std::uint64_t> table(runs);
        place([&](Ranks ranks) { return RunWalk(table, ranks, plan.sequence_offsets.view()); });
    }
    return plan;
}

}  // namespace

PieceRows best_fit_pieces(std::span<const Piece> pieces, const PackOptions& options) {
    std::vector<std::int64_t> totals(static_cast<std::size_t>(options.sequence_length / options.align) + 1,
                                     0);
    for (const Piece& piece : pieces) ++totals[units_of(piece.length, options.align)];
    const Runs runs = best_fit_runs(totals, options.max_documents);
    PieceRows rows{std::vector<Piece>(pieces.size()), sequence_starts(runs)};
    const std::vector<std::int64_t> first(totals.size(), 0);
    const RunTable<std::uint64_t> table(runs);
    RunWalk walk(table, first, rows.offsets.view());
    for (const Piece& piece : pieces)
        rows.pieces[walk.next_place(units_of(piece.length, options.align))] = piece;
    return rows;
}

PlanArrays best_fit(std::span<const Length> lengths, const PackOptions& options,
                    std::optional<std::uint64_t> seed, int num_threads) {
    return pack_in_bulk(lengths, options, best_fit_runs, seed, num_threads);
}

PlanArrays histogram(std::span<const Length> lengths, const PackOptions& options, HistogramPacking packing,
                     int num_threads) {
    const bool shortest = packing == HistogramPacking::shortest_pack_first;
    return pack_in_bulk(lengths, options, shortest ? worst_fit_runs : best_fit_runs, std::nullopt,
                        num_threads);
}

}  // namespace pypack
