#include "pack/census.hpp"

#include <exception>
#include <mutex>

#include "common/parallel.hpp"

namespace pypack {

void refuse_bad_documents(std::span<const Length> lengths, const PackOptions& options) {
    PlanCounts counts;
    for_each_piece(lengths, {0, lengths.size()}, options, counts, [](std::int64_t, Length, Length) {});
}

Census take_census(std::span<const Length> lengths, const PackOptions& options, int num_threads) {
    options.validate();
    const std::size_t units = static_cast<std::size_t>(options.sequence_length / options.align);
    const auto chunks = static_cast<std::size_t>(num_threads < 1 ? 1 : num_threads);
    Census census;
    census.by_chunk.resize(chunks);
    std::vector<PlanCounts> counts(chunks);
    std::vector<std::exception_ptr> failures(chunks);
    parallel_for(static_cast<std::int64_t>(chunks), num_threads, [&](std::int64_t c) {
        const auto index = static_cast<std::size_t>(c);
        auto& histogram = census.by_chunk[index];
        histogram.assign(units + 1, 0);
        // Kept apart by chunk so that the error names the first bad document, not the first one found.
        try {
            const Chunk chunk = chunk_of(lengths.size(), index, chunks);
            for_each_piece(lengths, chunk, options, counts[index], [&](std::int64_t, Length, Length length) {
                ++histogram[units_of(length, options.align)];
            });
        } catch (...) {
            failures[index] = std::current_exception();
        }
    });
    census.totals.assign(units + 1, 0);
    for (std::size_t c = 0; c < chunks; ++c) {
        if (failures[c]) std::rethrow_exception(failures[c]);
        census.counts.add(counts[c]);
        for (std::size_t v = 0; v <= units; ++v) census.totals[v] += census.by_chunk[c][v];
    }
    return census;
}

}  // namespace pypack
