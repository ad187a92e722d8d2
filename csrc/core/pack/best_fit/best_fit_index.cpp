#include "pack/best_fit/best_fit_index.hpp"

#include <utility>

#include "common/parallel.hpp"
#include "pack/best_fit/place_sequences.hpp"
#include "pack/best_fit/place_spans.hpp"
#include "pack/best_fit/span_places.hpp"

namespace pypack {

namespace {

void refuse_split(const PackOptions& options) {
    if (options.overflow == Overflow::split) {
        throw std::invalid_argument(
            "overflow 'split' puts a document into several sequences, which these indices cannot tell: use "
            "'truncate', 'drop' or 'error', or pack()");
    }
}

// Calls work(chunk, index) for the chunks that were counted, in parallel.
template <typename Work>
void for_each_chunk(std::span<const Length> lengths, const PieceCounts& piece_counts, int num_threads,
                    Work&& work) {
    parallel_for(static_cast<std::int64_t>(piece_counts.num_chunks()), num_threads, [&](std::int64_t c) {
        const auto index = static_cast<std::size_t>(c);
        work(chunk_of(lengths.size(), index, piece_counts.num_chunks()), index);
    });
}

}  // namespace

template <typename Id>
SequenceOfDocuments<Id> best_fit_sequence_of(std::span<const Length> lengths, const PackOptions& options,
                                             int num_threads) {
    refuse_split(options);
    const PieceCounts piece_counts = count_pieces(lengths, options, num_threads);
    const Placements placements = best_fit_placements(piece_counts.totals, options.max_documents);
    SequenceOfDocuments<Id> result;
    result.num_sequences = placements.num_sequences;
    result.sequence = Buffer<Id>(static_cast<std::int64_t>(lengths.size()));
    // Usually every document has a sequence, and the placer writes all of the output.
    if (placements.num_items < static_cast<std::int64_t>(lengths.size())) {
        std::fill_n(result.sequence.data(), result.sequence.size(), Id{-1});
    }
    Id* const out = result.sequence.data();
    const auto ranks = first_ranks(piece_counts);
    for_each_chunk(lengths, piece_counts, num_threads, [&](Chunk chunk, std::size_t index) {
        SequencePlacer placer(placements, ranks[index]);
        with_units(options.align, [&](auto units) {
            for_each_counted_piece(lengths, chunk, piece_counts.is_plain[index] != 0, options,
                                   [&placer, out, units](std::int64_t document, Length, Length length) {
                                       out[document] = static_cast<Id>(placer.next(units(length)));
                                   });
        });
    });
    return result;
}

template <typename Id>
DocumentsOfSequences<Id> best_fit_documents(std::span<const Length> lengths, const PackOptions& options,
                                            int num_threads) {
    refuse_split(options);
    const PieceCounts piece_counts = count_pieces(lengths, options, num_threads);
    const Placements placements = best_fit_placements(piece_counts.totals, options.max_documents);
    DocumentsOfSequences<Id> result{sequence_starts(placements), Buffer<Id>(placements.num_items)};
    Id* const out = result.documents.data();
    auto ranks = first_ranks(piece_counts);
    const SpanPlaces places(placements, result.offsets.view());
    for_each_chunk(lengths, piece_counts, num_threads, [&](Chunk chunk, std::size_t index) {
        place_chunk<Id>(
            chunk, piece_counts.by_chunk[index], std::move(ranks[index]), places,
            [&](Chunk documents, auto&& add) {
                for_each_counted_piece(
                    lengths, documents, piece_counts.is_plain[index] != 0, options,
                    [&add, align = options.align](std::int64_t document, Length, Length length) {
                        add(units_of(length, align), static_cast<Id>(document));
                    });
            },
            [out](std::size_t, Id document, std::int64_t place) { out[place] = document; });
    });
    return result;
}

template SequenceOfDocuments<std::int32_t> best_fit_sequence_of(std::span<const Length>, const PackOptions&,
                                                                int);
template SequenceOfDocuments<std::int64_t> best_fit_sequence_of(std::span<const Length>, const PackOptions&,
                                                                int);
template DocumentsOfSequences<std::int32_t> best_fit_documents(std::span<const Length>, const PackOptions&,
                                                               int);
template DocumentsOfSequences<std::int64_t> best_fit_documents(std::span<const Length>, const PackOptions&,
                                                               int);

}  // namespace pypack
