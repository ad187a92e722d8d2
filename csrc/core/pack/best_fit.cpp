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

template <typename Index>
void place_spans(std::span<const Length> lengths, const PackOptions& options, const Census& census,
                 const Runs& runs, int num_threads, PlanArrays& plan) {
    const auto ranks = first_ranks(census);
    parallel_for(static_cast<std::int64_t>(census.num_chunks()), num_threads, [&](std::int64_t c) {
        const auto index = static_cast<std::size_t>(c);
        RunWalk<Index> walk(runs, ranks[index], plan.sequence_offsets.view());
        PlanCounts counted_before;
        std::int64_t* const document_out = plan.span_document.data();
        Length* const start_out = plan.span_start.data();
        Length* const length_out = plan.span_length.data();
        const auto place = [&](std::int64_t document, Length start, Length length, std::size_t units) {
            const Index at = walk.next_place(units);
            document_out[at] = document;
            start_out[at] = start;
            length_out[at] = length;
        };
        const Chunk chunk = chunk_of(lengths.size(), index, census.num_chunks());
        for_each_piece(lengths, chunk, options, counted_before,
                       [&](std::int64_t document, Length start, Length length) {
                           place(document, start, length,
                                 static_cast<std::size_t>(aligned(length, options.align) / options.align));
                       });
    });
}

PlanArrays pack_in_bulk(std::span<const Length> lengths, const PackOptions& options,
                        Runs (*make_runs)(std::span<const std::int64_t>, Length), int num_threads) {
    const Census census = take_census(lengths, options, num_threads);
    const Runs runs = make_runs(census.totals, options.max_documents);
    PlanArrays plan;
    plan.counts = census.counts;
    plan.sequence_offsets = sequence_starts(runs);
    plan.resize_spans(runs.num_items);
    plan.sequence_capacity.resize(runs.num_sequences);
    std::fill_n(plan.sequence_capacity.data(), runs.num_sequences, options.sequence_length);
    if (runs.num_items < (std::int64_t{1} << 32)) {
        place_spans<std::uint32_t>(lengths, options, census, runs, num_threads, plan);
    } else {
        place_spans<std::uint64_t>(lengths, options, census, runs, num_threads, plan);
    }
    return plan;
}

}  // namespace

PieceRows best_fit_pieces(std::span<const Piece> pieces, const PackOptions& options) {
    const auto units_of = [&](const Piece& piece) {
        return static_cast<std::size_t>(aligned(piece.length, options.align) / options.align);
    };
    std::vector<std::int64_t> totals(static_cast<std::size_t>(options.sequence_length / options.align) + 1,
                                     0);
    for (const Piece& piece : pieces) ++totals[units_of(piece)];
    const Runs runs = best_fit_runs(totals, options.max_documents);
    PieceRows rows{std::vector<Piece>(pieces.size()), sequence_starts(runs)};
    const std::vector<std::int64_t> first(totals.size(), 0);
    RunWalk<std::uint64_t> walk(runs, first, rows.offsets.view());
    for (const Piece& piece : pieces) rows.pieces[walk.next_place(units_of(piece))] = piece;
    return rows;
}

PlanArrays best_fit(std::span<const Length> lengths, const PackOptions& options, int num_threads) {
    return pack_in_bulk(lengths, options, best_fit_runs, num_threads);
}

PlanArrays histogram(std::span<const Length> lengths, const PackOptions& options, HistogramPacking packing,
                     int num_threads) {
    const bool shortest = packing == HistogramPacking::shortest_pack_first;
    return pack_in_bulk(lengths, options, shortest ? worst_fit_runs : best_fit_runs, num_threads);
}

}  // namespace pypack
