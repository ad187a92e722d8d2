#include "pack/best_fit_index.hpp"

#include "common/parallel.hpp"
#include "pack/run_walk.hpp"

namespace pypack {

namespace {

void refuse_split(const PackOptions& options) {
    if (options.overflow == Overflow::split) {
        throw std::invalid_argument(
            "overflow 'split' puts a document into several sequences, which these indices cannot tell: use "
            "'truncate', 'drop' or 'error', or pack()");
    }
}

// Calls visit(walk, document, units) for every piece, in parallel over the chunks of the census. Only with
// truncation can a piece be shorter than its document, and its start is always 0.
template <typename Index, typename Visit>
void walk_documents(std::span<const Length> lengths, const PackOptions& options, const Census& census,
                    const Runs& runs, std::span<const std::int64_t> starts, int num_threads, Visit&& visit) {
    const auto ranks = first_ranks(census);
    const RunTable<Index> table(runs);
    parallel_for(static_cast<std::int64_t>(census.num_chunks()), num_threads, [&](std::int64_t c) {
        const auto index = static_cast<std::size_t>(c);
        const Chunk chunk = chunk_of(lengths.size(), index, census.num_chunks());
        RunWalk walk(table, ranks[index], starts);
        PlanCounts counted_before;
        for_each_piece(lengths, chunk, options, counted_before,
                       [&](std::int64_t document, Length, Length length) {
                           visit(walk, document, units_of(length, options.align));
                       });
    });
}

}  // namespace

template <typename Id>
SequenceOfDocuments<Id> best_fit_sequence_of(std::span<const Length> lengths, const PackOptions& options,
                                             int num_threads) {
    refuse_split(options);
    const Census census = take_census(lengths, options, num_threads);
    const Runs runs = best_fit_runs(census.totals, options.max_documents);
    SequenceOfDocuments<Id> result;
    result.num_sequences = runs.num_sequences;
    result.sequence = Buffer<Id>(static_cast<std::int64_t>(lengths.size()));
    // Usually every document has a sequence, and the walk writes all of the output.
    if (runs.num_items < static_cast<std::int64_t>(lengths.size())) {
        std::fill_n(result.sequence.data(), result.sequence.size(), Id{-1});
    }
    Id* const out = result.sequence.data();
    walk_documents<std::make_unsigned_t<Id>>(lengths, options, census, runs, {}, num_threads,
                                             [out](auto& walk, std::int64_t document, std::size_t units) {
                                                 out[document] = static_cast<Id>(walk.next_sequence(units));
                                             });
    return result;
}

template <typename Id>
DocumentsOfSequences<Id> best_fit_documents(std::span<const Length> lengths, const PackOptions& options,
                                            int num_threads) {
    refuse_split(options);
    const Census census = take_census(lengths, options, num_threads);
    const Runs runs = best_fit_runs(census.totals, options.max_documents);
    DocumentsOfSequences<Id> result{sequence_starts(runs), Buffer<Id>(runs.num_items)};
    Id* const out = result.documents.data();
    walk_documents<std::make_unsigned_t<Id>>(lengths, options, census, runs, result.offsets.view(),
                                             num_threads,
                                             [out](auto& walk, std::int64_t document, std::size_t units) {
                                                 out[walk.next_place(units)] = static_cast<Id>(document);
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
