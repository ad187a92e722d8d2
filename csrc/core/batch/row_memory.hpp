// Which parts of which files the rows of a batch are made from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "batch/sequence_source.hpp"

namespace pypack {

// Calls ask(files, memory, leads_on) for all memory that making the rows reads, in four rounds, as the
// tokens' places stand in files themselves: each round asks for what the next one reads, for all rows at
// once. `files`: what the memory is a cache of, null for files of this host. `leads_on`: it says what else is
// read. ask returns whether the memory may be read: behind what may not, nothing more is asked. What is
// damaged is passed over: resolve_rows names it when the batch is made.
template <typename Ask>
void for_memory_of_rows(std::span<const SequenceSource> sources, std::span<const RowRef> rows,
                        std::int64_t now, const Ask& ask) {
    // A span of a sequence, and the document of the store that it is of.
    struct Wanted {
        const SequenceSource* source;
        std::size_t span;
        std::int64_t document = -1;
    };
    // The literals of a sequence: its gaps, first to last.
    struct Gaps {
        const SequenceSource* source;
        std::size_t first, last;
    };
    const auto part = [&]<typename T>(const SequenceSource& source, std::span<const T> array,
                                      std::size_t first, std::size_t count) {
        return ask(source.cached_plan.get(), std::as_bytes(array.subspan(first, count)), true);
    };
    std::vector<const SequenceSource*> source_of(rows.size(), nullptr);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const RowRef& row = rows[i];
        if (row.source < 0 || static_cast<std::size_t>(row.source) >= sources.size()) continue;
        const SequenceSource& source = sources[static_cast<std::size_t>(row.source)];
        if (row.sequence < 0 || row.sequence >= source.plan.num_sequences()) continue;
        const auto s = static_cast<std::size_t>(row.sequence);
        if (part(source, source.plan.sequence_offsets, s, 2)) source_of[i] = &source;
    }
    std::vector<Wanted> wanted;
    std::vector<Gaps> gaps;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const SequenceSource* const source = source_of[i];
        if (source == nullptr) continue;
        try {
            source->look_at_plan(now);
        } catch (const std::invalid_argument&) {  // who makes the batch finds it, too, and says so
            continue;
        }
        const PlanView& plan = source->plan;
        const auto s = static_cast<std::size_t>(rows[i].sequence);
        const std::int64_t first = plan.sequence_offsets[s];
        const std::int64_t last = plan.sequence_offsets[s + 1];
        if (first < 0 || last < first || last > plan.num_spans()) continue;
        const auto begin = static_cast<std::size_t>(first);
        const auto count = static_cast<std::size_t>(last - first);
        if (plan.literals.any() && begin + s + count + 1 < plan.literals.offsets.size() &&
            part(*source, plan.literals.offsets, begin + s, count + 2)) {
            gaps.push_back({source, begin + s, begin + s + count});
        }
        if (count == 0) continue;
        const bool documents = part(*source, plan.span_document, begin, count);
        const bool starts = part(*source, plan.span_start, begin, count);
        const bool lengths = part(*source, plan.span_length, begin, count);
        if (!documents || !starts || !lengths) continue;
        for (std::size_t span = begin; span < begin + count; ++span) wanted.push_back({source, span});
    }
    for (const auto& [source, first_gap, last_gap] : gaps) {
        const Literals& literals = source->plan.literals;
        const std::int64_t first = literals.offsets[first_gap];
        const std::int64_t last = literals.offsets[last_gap + 1];
        if (first < 0 || last <= first || last > static_cast<std::int64_t>(literals.tokens.size())) continue;
        const auto tokens =
            literals.tokens.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first));
        const auto bits = literals.learned.subspan(static_cast<std::size_t>(first / 8),
                                                   static_cast<std::size_t>((last - 1) / 8 - first / 8 + 1));
        ask(source->cached_plan.get(), std::as_bytes(tokens), false);
        ask(source->cached_plan.get(), bits, false);
    }
    for (Wanted& want : wanted) {
        const SequenceSource& source = *want.source;
        const std::span<const std::int64_t> selected = source.documents;
        std::int64_t document = source.plan.span_document[want.span];
        if (document < 0) continue;
        if (!selected.empty()) {
            if (document >= static_cast<std::int64_t>(selected.size())) continue;
            document = selected[static_cast<std::size_t>(document)];
        }
        try {
            const CachedFiles* const files = source.store->cached(document);
            bool known = true;
            for (const auto entry : source.store->index_entries(document))
                known = ask(files, entry, true) && known;
            if (known) want.document = document;
        } catch (const std::invalid_argument&) {  // a shard that cannot be mapped: making the batch says so
        }
    }
    for (const Wanted& want : wanted) {
        const SequenceSource& source = *want.source;
        if (want.document < 0 || want.document >= source.store->num_documents()) continue;
        const std::int64_t start = source.plan.span_start[want.span];
        const std::int64_t length = source.plan.span_length[want.span];
        DocumentView view{};
        try {
            view = source.store->place(want.document, now);
        } catch (const std::invalid_argument&) {
            continue;
        }
        if (start < 0 || length < 0 || start + length > view.length) continue;
        const std::int64_t size = item_size(source.store->dtype());
        const CachedFiles* const files = source.store->cached(want.document);
        ask(files, std::span(view.data + start * size, static_cast<std::size_t>(length * size)), false);
        if (files == nullptr || view.mask == nullptr || !source.uses_store_mask || length == 0) continue;
        const std::int64_t first = (view.first_bit + start) / 8;
        const std::int64_t last = (view.first_bit + start + length - 1) / 8;
        ask(files, std::span(view.mask + first, static_cast<std::size_t>(last - first + 1)), false);
    }
}

// The same for the lengths of the rows' spans alone.
template <typename Ask>
void for_lengths_of_rows(std::span<const SequenceSource> sources, std::span<const RowRef> rows,
                         const Ask& ask) {
    std::vector<bool> known(rows.size(), false);
    const auto source_of = [&](const RowRef& row) -> const SequenceSource* {
        if (row.source < 0 || static_cast<std::size_t>(row.source) >= sources.size()) return nullptr;
        const SequenceSource& source = sources[static_cast<std::size_t>(row.source)];
        return row.sequence < 0 || row.sequence >= source.plan.num_sequences() ? nullptr : &source;
    };
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const SequenceSource* const source = source_of(rows[i]);
        if (source == nullptr) continue;
        const auto offsets =
            source->plan.sequence_offsets.subspan(static_cast<std::size_t>(rows[i].sequence), 2);
        known[i] = ask(source->cached_plan.get(), std::as_bytes(offsets));
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const SequenceSource* const source = source_of(rows[i]);
        if (source == nullptr || !known[i]) continue;
        const auto s = static_cast<std::size_t>(rows[i].sequence);
        const std::int64_t first = source->plan.sequence_offsets[s];
        const std::int64_t last = source->plan.sequence_offsets[s + 1];
        if (first < 0 || last <= first || last > source->plan.num_spans()) continue;
        const auto lengths = source->plan.span_length.subspan(static_cast<std::size_t>(first),
                                                              static_cast<std::size_t>(last - first));
        ask(source->cached_plan.get(), std::as_bytes(lengths));
    }
}

}  // namespace pypack
