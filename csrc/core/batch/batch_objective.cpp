#include "batch/batch_objective.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/random.hpp"

namespace pypack {

namespace {

std::vector<ObjectiveSpan> keyed_spans(std::span<const SequenceSource> sources, std::span<const RowRef> rows,
                                       const BatchFormat& format, MadeBatch& batch) {
    std::vector<ObjectiveSpan> spans;
    spans.reserve(batch.rows.spans.size());
    std::int64_t begin = 0;
    for (std::size_t r = 0; r < rows.size(); ++r) {
        if (!format.varlen) begin = static_cast<std::int64_t>(r) * batch.row_length;
        if (rows[r].sequence == kEmptyRow) continue;
        const SequenceSource& source = sources[static_cast<std::size_t>(rows[r].source)];
        const std::uint64_t of_epoch =
            combine_keys(source.objective_key, static_cast<std::uint64_t>(rows[r].epoch));
        const std::uint64_t of_row = combine_keys(of_epoch, static_cast<std::uint64_t>(rows[r].sequence));
        const std::int64_t first = batch.rows.first_span[r];
        for (std::int64_t s = first; s < batch.rows.first_span[r + 1]; ++s) {
            ResolvedSpan& span = batch.rows.spans[static_cast<std::size_t>(s)];
            const std::uint64_t key = combine_keys(of_row, static_cast<std::uint64_t>(s - first));
            spans.push_back({begin, span.length, key, has_masks(span), source.objective_store, span.document,
                             span.start, span.room, &span.length});
            begin += span.room;
        }
    }
    return spans;
}

template <typename Id>
void apply(const Objective& objective, std::span<const ObjectiveSpan> spans, const BatchFormat& format,
           MadeBatch& batch, int num_threads) {
    std::vector<std::byte*> extras;
    for (const MadeExtra& extra : batch.extras) extras.push_back(extra.data);
    const auto ids = [](std::byte* array) { return reinterpret_cast<Id*>(array); };
    const ObjectiveArrays<Id> arrays{ids(batch.input_ids),          ids(batch.labels),
                                     ids(batch.position_ids),       reinterpret_cast<float*>(batch.loss_mask),
                                     ids(batch.segment_ids),        format.pad_id,
                                     batch.objective_counts.data(), extras};
    apply_objective(objective, spans, arrays, num_threads);
    objective.finish(spans, {batch.rows.first_span, batch.row_length, batch.num_items, format.varlen},
                     arrays);
    batch.rows.num_tokens = 0;  // some may have grown
    for (const ResolvedSpan& span : batch.rows.spans) batch.rows.num_tokens += span.length;
}

}  // namespace

void apply_to_batch(const Objective& objective, std::span<const SequenceSource> sources,
                    std::span<const RowRef> rows, const BatchFormat& format, MadeBatch& batch,
                    int num_threads) {
    const std::vector<ObjectiveSpan> spans = keyed_spans(sources, rows, format, batch);
    if (format.int32) {
        apply<std::int32_t>(objective, spans, format, batch, num_threads);
    } else {
        apply<std::int64_t>(objective, spans, format, batch, num_threads);
    }
}

}  // namespace pypack
