#include "pack/in_order/sequential.hpp"

#include "common/interrupt.hpp"

#include <algorithm>

namespace pypack {

PlanArrays concat(std::span<const Length> lengths, const PackOptions& options, Border border) {
    options.validate();
    PlanArrays plan;
    plan.reserve_spans(static_cast<std::int64_t>(lengths.size()));
    // With `split`, whole documents enter the stream, whatever their length.
    PackOptions whole = options;
    if (options.overflow == Overflow::split) whole.sequence_length = std::numeric_limits<Length>::max();
    const Length limit = options.sequence_length;
    Length room = limit;
    Length spans = 0;
    PlanCounts& counts = plan.counts;
    const auto close = [&] {
        plan.end_sequence(limit);
        room = limit;
        spans = 0;
    };
    for (std::size_t i = 0; i < lengths.size(); ++i) {
        if (i % kDocumentsBetweenChecks == 0) check_interrupt();
        const auto document = static_cast<std::int64_t>(i);
        cut_into_pieces(document, lengths[i], whole, counts, [&](Length, Length length) {
            Length start = 0;
            do {
                const Length taken = std::min(room, length - start);
                plan.add_span(document, start, taken);
                start += taken;
                room -= aligned(taken, options.align);
                if (room == 0 || ++spans == options.max_documents) close();
            } while (start < length && border == Border::cross);
            if (start < length) {
                // A document that `truncate` cut to sequence_length has been counted already.
                if (length == lengths[i]) ++counts.truncated_documents;
                counts.truncated_tokens += length - start;
            } else if (start > 0 && plan.span_start[plan.span_start.size() - 1] > 0) {
                ++counts.split_documents;
            }
        });
    }
    if (plan.sequence_is_open()) close();
    return plan;
}

PlanArrays next_fit(std::span<const Length> lengths, const PackOptions& options) {
    options.validate();
    PlanArrays plan;
    plan.reserve_spans(static_cast<std::int64_t>(lengths.size()));
    Length room = options.sequence_length;
    Length spans = 0;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
        if (i % kDocumentsBetweenChecks == 0) check_interrupt();
        const auto document = static_cast<std::int64_t>(i);
        cut_into_pieces(document, lengths[i], options, plan.counts, [&](Length start, Length length) {
            const Length needed = aligned(length, options.align);
            if (needed > room || spans == options.max_documents) {
                plan.end_sequence(options.sequence_length);
                room = options.sequence_length;
                spans = 0;
            }
            plan.add_span(document, start, length);
            room -= needed;
            ++spans;
        });
    }
    if (plan.sequence_is_open()) plan.end_sequence(options.sequence_length);
    return plan;
}

PlanArrays pad(std::span<const Length> lengths, const PackOptions& options) {
    options.validate();
    PlanArrays plan;
    plan.reserve_spans(static_cast<std::int64_t>(lengths.size()));
    for (std::size_t i = 0; i < lengths.size(); ++i) {
        if (i % kDocumentsBetweenChecks == 0) check_interrupt();
        const auto document = static_cast<std::int64_t>(i);
        cut_into_pieces(document, lengths[i], options, plan.counts, [&](Length start, Length length) {
            plan.add_span(document, start, length);
            plan.end_sequence(options.sequence_length);
        });
    }
    return plan;
}

}  // namespace pypack
