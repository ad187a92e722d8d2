#include "batch/sequence_source.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "common/checked.hpp"
#include "common/prefetch.hpp"

namespace pypack {

namespace {

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

std::int64_t store_document(const SequenceSource& source, std::int64_t document) {
    if (source.documents.empty()) return document;
    if (document < 0 || document >= static_cast<std::int64_t>(source.documents.size())) {
        throw std::out_of_range("document " + std::to_string(document) + " of a selection of " +
                                std::to_string(source.documents.size()));
    }
    return source.documents[static_cast<std::size_t>(document)];
}

std::span<const TokenRange> masks_of(const SequenceSource& source, std::int64_t document) {
    if (source.mask_offsets.empty()) return {};
    const auto d = static_cast<std::size_t>(document);
    const std::int64_t first = source.mask_offsets[d];
    const std::int64_t last = source.mask_offsets[d + 1];
    if (first < 0 || last < first || last > static_cast<std::int64_t>(source.masks.size())) {
        throw std::invalid_argument("the masks of document " + std::to_string(document) + " are damaged");
    }
    return source.masks.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first));
}

ResolvedSpan resolve_span(const SequenceSource& source, const RowRef& row, std::int64_t index,
                          std::int64_t now) {
    const auto i = static_cast<std::size_t>(index);
    const std::int64_t document = store_document(source, source.plan.span_document[i]);
    const std::int64_t start = source.plan.span_start[i];
    const std::int32_t length = source.plan.span_length[i];
    const DocumentView view = source.store->place(document, now);
    if (start < 0 || length < 0 || start + length > view.length) {
        throw std::invalid_argument(
            "sequence " + std::to_string(row.sequence) + ": tokens " + std::to_string(start) + " to " +
            std::to_string(start + length) + " of document " + std::to_string(document) + ", which has " +
            std::to_string(view.length) + "; the plan is damaged or was made for another store");
    }
    std::int64_t room = std::int64_t{length} + source.plan.room;
    if (source.align > 1) room = (room + source.align - 1) / source.align * source.align;
    if (room > std::numeric_limits<std::int32_t>::max()) {
        throw std::overflow_error("a span of " + std::to_string(length) + " tokens, aligned to " +
                                  std::to_string(source.align) + ", exceeds 2^31-1");
    }
    ResolvedSpan span{view.data + start * item_size(source.store->dtype()),
                      document,
                      length,
                      static_cast<std::int32_t>(room),
                      row.source,
                      static_cast<std::int32_t>(start),
                      masks_of(source, document)};
    if (source.uses_store_mask && view.mask != nullptr) {
        span.mask = view.mask;
        span.first_bit = view.first_bit + start;
        constexpr std::int64_t kLineBits = 64 * 8;
        for (std::int64_t bit = 0; bit < length; bit += kLineBits) {
            prefetch(span.mask + (span.first_bit + bit) / 8);
        }
    }
    return span;
}

// The tokens of gap `gap` of a plan with literals, as a span.
ResolvedSpan resolve_literals(const SequenceSource& source, const RowRef& row, std::int64_t gap) {
    const Literals& literals = source.plan.literals;
    const std::int64_t first = literals.offsets[static_cast<std::size_t>(gap)];
    const std::int64_t last = literals.offsets[static_cast<std::size_t>(gap) + 1];
    if (first < 0 || last < first || last > static_cast<std::int64_t>(literals.tokens.size()) ||
        last - first > std::numeric_limits<std::int32_t>::max()) {
        throw std::invalid_argument("sequence " + std::to_string(row.sequence) + ": literal tokens " +
                                    std::to_string(first) + " to " + std::to_string(last) + " of " +
                                    std::to_string(literals.tokens.size()) + "; the plan is damaged");
    }
    const auto length = static_cast<std::int32_t>(last - first);
    ResolvedSpan span{reinterpret_cast<const std::byte*>(literals.tokens.data() + first), kNoDocument, length,
                      length, row.source};
    span.mask = literals.learned.data();
    span.first_bit = first;
    span.literal = true;
    return span;
}

const SequenceSource& source_of(std::span<const SequenceSource> sources, const RowRef& row) {
    return sources[static_cast<std::size_t>(row.source)];
}

std::int64_t first_span_in_plan(const PlanView& plan, const RowRef& row) {
    return plan.sequence_offsets[static_cast<std::size_t>(row.sequence)];
}

// Checks the rows, and asks for where the spans of each stand in its plan.
void ask_for_sequences(std::span<const SequenceSource> sources, std::span<const RowRef> rows,
                       std::int64_t now) {
    for (const RowRef& row : rows) {
        if (row.sequence == kEmptyRow) continue;
        const SequenceSource& source = checked_source(sources, row);
        source.look_at_plan(now);
        prefetch(&source.plan.sequence_offsets[static_cast<std::size_t>(row.sequence)]);
    }
}

// Counts also the runs of literals of each row, and asks for the first of them.
void count_literals(std::span<const SequenceSource> sources, std::span<const RowRef> rows,
                    std::vector<std::int64_t>& first_span) {
    std::int64_t more = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        first_span[i] += more;
        if (rows[i].sequence == kEmptyRow) continue;
        const auto& plan = source_of(sources, rows[i]).plan;
        if (!plan.literals.any()) continue;
        const Literals& literals = plan.literals;
        const auto s = static_cast<std::size_t>(rows[i].sequence);
        const auto first = static_cast<std::size_t>(plan.sequence_offsets[s]) + s;
        const auto last = static_cast<std::size_t>(plan.sequence_offsets[s + 1]) + s;
        for (std::size_t gap = first; gap <= last; ++gap) {
            more += literals.offsets[gap] < literals.offsets[gap + 1] ? 1 : 0;
        }
        const auto token = static_cast<std::uint64_t>(literals.offsets[first]);
        if (token >= literals.tokens.size()) continue;  // none, or damaged, as is said where they are read
        prefetch(&literals.tokens[token]);
        prefetch(&literals.learned[token / 8]);
    }
    first_span.back() = checked_add(first_span.back(), more, "the number of spans");
}

// Counts the spans of each row, and asks for them.
std::vector<std::int64_t> count_spans(std::span<const SequenceSource> sources, std::span<const RowRef> rows) {
    std::vector<std::int64_t> first_span;
    first_span.reserve(rows.size() + 1);
    first_span.push_back(0);
    bool any_literals = false;
    for (const RowRef& row : rows) {
        if (row.sequence == kEmptyRow) {
            first_span.push_back(first_span.back());
            continue;
        }
        const auto& plan = source_of(sources, row).plan;
        const std::int64_t first = first_span_in_plan(plan, row);
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
        if (plan.literals.any()) {
            any_literals = true;
            prefetch(&plan.literals.offsets[static_cast<std::size_t>(first + row.sequence)]);
        }
        first_span.push_back(checked_add(first_span.back(), last - first, "the number of spans"));
    }
    if (any_literals) count_literals(sources, rows, first_span);
    return first_span;
}

// Asks for what the stores know of the spans' documents.
void ask_for_documents(std::span<const SequenceSource> sources, std::span<const RowRef> rows,
                       std::span<const std::int64_t> first_span) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (first_span[i] == first_span[i + 1]) continue;
        const SequenceSource& source = source_of(sources, rows[i]);
        if (!source.documents.empty()) continue;  // one more wait for the selection would come first
        const auto first = static_cast<std::size_t>(first_span_in_plan(source.plan, rows[i]));
        const auto count = static_cast<std::size_t>(first_span[i + 1] - first_span[i]);
        for (const std::int64_t document : source.plan.span_document.subspan(first, count)) {
            source.store->prefetch_entries(document);
        }
    }
}

// Spans and literals of a sequence that is one segment.
template <typename Add>
void add_joined(const SequenceSource& source, const RowRef& row, std::int64_t first, std::int64_t last,
                std::int64_t now, Add&& add) {
    bool continues = false;
    const auto join = [&](ResolvedSpan span) {
        span.continues = continues;
        continues = true;
        add(span);
    };
    for (std::int64_t s = first; s <= last; ++s) {
        const ResolvedSpan literals = resolve_literals(source, row, s + row.sequence);
        if (literals.length > 0) join(literals);
        if (s < last) join(resolve_span(source, row, s, now));
    }
}

void resolve_spans(std::span<const SequenceSource> sources, std::span<const RowRef> rows, std::int64_t now,
                   ResolvedRows& out) {
    out.spans.reserve(static_cast<std::size_t>(out.first_span.back()));
    out.row_room.reserve(rows.size());
    bool joins = false;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        std::int64_t room = 0;
        const auto add = [&](const ResolvedSpan& span) {
            room += span.room;
            out.num_tokens += span.length;
            out.longest_room = std::max(out.longest_room, span.room);
            out.spans.push_back(span);
        };
        if (out.first_span[i] < out.first_span[i + 1]) {
            const SequenceSource& source = source_of(sources, rows[i]);
            const std::int64_t first = first_span_in_plan(source.plan, rows[i]);
            const std::int64_t last =
                source.plan.sequence_offsets[static_cast<std::size_t>(rows[i].sequence) + 1];
            if (source.plan.literals.any()) {
                joins = true;
                add_joined(source, rows[i], first, last, now, add);
                out.longest_room = std::max(out.longest_room, static_cast<std::int32_t>(room));
            } else {
                for (std::int64_t s = first; s < last; ++s) add(resolve_span(source, rows[i], s, now));
            }
        }
        out.row_room.push_back(room);
        out.num_items = checked_add(out.num_items, room, "the number of tokens in a batch");
    }
    if (!joins) return;
    std::int64_t segments = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        out.first_segment.push_back(segments);
        for (std::int64_t s = out.first_span[i]; s < out.first_span[i + 1]; ++s) {
            segments += out.spans[static_cast<std::size_t>(s)].continues ? 0 : 1;
        }
    }
}

}  // namespace

ResolvedRows resolve_rows(std::span<const SequenceSource> sources, std::span<const RowRef> rows,
                          std::int64_t now) {
    // Four passes, each asking for the cache lines that the next one reads: every row is a random place of
    // several files, and one pass would wait for memory once a row and file.
    ask_for_sequences(sources, rows, now);
    ResolvedRows out;
    out.first_span = count_spans(sources, rows);
    ask_for_documents(sources, rows, out.first_span);
    resolve_spans(sources, rows, now, out);
    return out;
}

}  // namespace pypack
