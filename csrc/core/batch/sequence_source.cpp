#include "batch/sequence_source.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "common/checked.hpp"

namespace pypack {

namespace {

void prefetch(const void* address) {
#if defined(__GNUC__)
    __builtin_prefetch(address);
#else
    (void)address;
#endif
}

const SequenceSource& checked_source(std::span<const SequenceSource> sources, const RowRef& row) {
    if (row.source < 0 || static_cast<std::size_t>(row.source) >= sources.size()) {
        throw std::out_of_range("source " + std::to_string(row.source) + " of " +
                                std::to_string(sources.size()));
    }
    const SequenceSource& source = sources[static_cast<std::size_t>(row.source)];
    if (row.sequence < 0 || row.sequence >= source.plan.num_sequences()) {
        throw std::out_of_range("sequence " + std::to_string(row.sequence) + " of a plan with " +
                                std::to_string(source.plan.num_sequences()));
    }
    return source;
}

ResolvedSpan resolve_span(const SequenceSource& source, const RowRef& row, std::int64_t index) {
    const auto i = static_cast<std::size_t>(index);
    const std::int64_t document = source.plan.span_document[i];
    const std::int64_t start = source.plan.span_start[i];
    const std::int32_t length = source.plan.span_length[i];
    const DocumentView view = source.store->document(document);
    if (start < 0 || length < 0 || start + length > view.length) {
        throw std::invalid_argument(
            "sequence " + std::to_string(row.sequence) + ": tokens " + std::to_string(start) + " to " +
            std::to_string(start + length) + " of document " + std::to_string(document) + ", which has " +
            std::to_string(view.length) + "; the plan is damaged or was made for another store");
    }
    return {view.data + start * item_size(source.store->dtype()), document, length, row.source};
}

}  // namespace

ResolvedRows resolve_rows(std::span<const SequenceSource> sources, std::span<const RowRef> rows) {
    // Three passes, each asking for the cache lines that the next one reads: every row is a random place of
    // three files, and one pass would wait for memory once a row and file.
    for (const RowRef& row : rows) {
        const auto& plan = checked_source(sources, row).plan;
        prefetch(&plan.sequence_offsets[static_cast<std::size_t>(row.sequence)]);
    }
    ResolvedRows out;
    out.first_span.reserve(rows.size() + 1);
    out.first_span.push_back(0);
    for (const RowRef& row : rows) {
        const auto& plan = sources[static_cast<std::size_t>(row.source)].plan;
        const std::int64_t first = plan.sequence_offsets[static_cast<std::size_t>(row.sequence)];
        const std::int64_t last = plan.sequence_offsets[static_cast<std::size_t>(row.sequence) + 1];
        if (first < 0 || last < first || last > static_cast<std::int64_t>(plan.span_document.size())) {
            throw std::invalid_argument("sequence " + std::to_string(row.sequence) + ": spans " +
                                        std::to_string(first) + " to " + std::to_string(last) + " of " +
                                        std::to_string(plan.span_document.size()) + "; the plan is damaged");
        }
        if (first < last) {
            prefetch(&plan.span_document[static_cast<std::size_t>(first)]);
            prefetch(&plan.span_start[static_cast<std::size_t>(first)]);
            prefetch(&plan.span_length[static_cast<std::size_t>(first)]);
        }
        out.first_span.push_back(checked_add(out.first_span.back(), last - first, "the number of spans"));
    }
    out.spans.reserve(static_cast<std::size_t>(out.first_span.back()));
    out.row_tokens.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const SequenceSource& source = sources[static_cast<std::size_t>(rows[i].source)];
        const std::int64_t first = source.plan.sequence_offsets[static_cast<std::size_t>(rows[i].sequence)];
        const std::int64_t count = out.first_span[i + 1] - out.first_span[i];
        std::int64_t tokens = 0;
        for (std::int64_t s = first; s < first + count; ++s) {
            const ResolvedSpan span = resolve_span(source, rows[i], s);
            prefetch(span.tokens);
            tokens += span.length;
            out.longest_span = std::max(out.longest_span, span.length);
            out.spans.push_back(span);
        }
        out.row_tokens.push_back(tokens);
        out.num_tokens = checked_add(out.num_tokens, tokens, "the number of tokens in a batch");
    }
    return out;
}

}  // namespace pypack
