#include "pack/best_fit/length_groups.hpp"

#include "pack/best_fit/piece_counts.hpp"

namespace pypack {

PlanArrays pad_by_length(std::span<const Length> lengths, const PackOptions& options,
                         std::int64_t group_sequences) {
    if (group_sequences < 1) {
        throw std::invalid_argument("group_sequences must be at least 1, got " +
                                    std::to_string(group_sequences));
    }
    const PieceCounts piece_counts = count_pieces(lengths, options, 1);
    const std::size_t units = piece_counts.totals.size() - 1;
    // A counting sort: where the pieces of each length go, then each piece to its place.
    std::vector<std::int64_t> next(units + 1, 0);
    std::int64_t total = 0;
    for (std::size_t v = units; v >= 1; --v) {
        next[v] = total;
        total += piece_counts.totals[v];
    }
    PlanArrays plan;
    plan.counts = piece_counts.plan_counts;
    plan.resize_spans(total);
    PlanCounts counted_before;
    for_each_piece(lengths, {0, lengths.size()}, options, counted_before,
                   [&](std::int64_t document, Length start, Length length) {
                       plan.set_span(next[units_of(length, options.align)]++, {document, start, length});
                   });
    Length capacity = 0;
    for (std::int64_t s = 0; s < total; ++s) {
        if (s % group_sequences == 0) capacity = aligned(plan.span_length[s], options.align);
        plan.sequence_offsets.push_back(s + 1);
        plan.sequence_capacity.push_back(capacity);
    }
    return plan;
}

}  // namespace pypack
