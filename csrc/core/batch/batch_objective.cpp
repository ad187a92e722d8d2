#include "batch/batch_objective.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/random.hpp"

namespace pypack {

namespace {

void give_tokens(const ResolvedSpan& span, TokenDtype dtype, ObjectiveSpan& to) {
    if (!leaves_tokens(span, dtype)) return;
    if (dtype == TokenDtype::kUint16) {
        to.tokens16 = reinterpret_cast<const std::uint16_t*>(span.tokens);
    } else {
        to.tokens32 = reinterpret_cast<const std::int32_t*>(span.tokens);
    }
}

// `takes_tokens`: the objective does, from the store.
std::vector<ObjectiveSpan> keyed_spans(std::span<const SequenceSource> sources, std::span<const RowRef> rows,
                                       const BatchFormat& format, bool takes_tokens, MadeBatch& batch) {
    std::vector<ObjectiveSpan> spans;
    spans.reserve(batch.rows.spans.size());
    std::int64_t begin = 0;
    for (std::size_t r = 0; r < rows.size(); ++r) {
        if (!format.varlen) begin = static_cast<std::int64_t>(r) * batch.row_length;
        if (rows[r].sequence == kEmptyRow) continue;
        const SequenceSource& source = sources[static_cast<std::size_t>(rows[r].source)];
        const TokenDtype dtype = source.store->dtype();
        const std::uint64_t of_epoch =
            combine_keys(source.objective_key, static_cast<std::uint64_t>(rows[r].epoch));
        const std::uint64_t of_row = combine_keys(of_epoch, static_cast<std::uint64_t>(rows[r].sequence));
        const std::int64_t first = batch.rows.first_span[r];
        for (std::int64_t s = first; s < batch.rows.first_span[r + 1]; ++s) {
            ResolvedSpan& span = batch.rows.spans[static_cast<std::size_t>(s)];
            const std::uint64_t key = combine_keys(of_row, static_cast<std::uint64_t>(s - first));
            spans.push_back({begin, span.length, key, has_masks(span), source.objective_store, span.document,
                             span.start, span.room, &span.length});
            if (takes_tokens) give_tokens(span, span.literal ? TokenDtype::kInt32 : dtype, spans.back());
            begin += span.room;
        }
    }
    return spans;
}

}  // namespace

template <typename Id>
BatchObjective<Id>::BatchObjective(const Objective& objective, std::span<const SequenceSource> sources,
                                   std::span<const RowRef> rows, const BatchFormat& format, MadeBatch& batch)
    : objective_(objective),
      format_(format),
      batch_(batch),
      spans_(keyed_spans(sources, rows, format, takes_tokens(), batch)) {
    for (const MadeExtra& extra : batch.extras) extras_.push_back(extra.data);
    const auto ids = [](std::byte* array) { return reinterpret_cast<Id*>(array); };
    arrays_ = {ids(batch.input_ids),          ids(batch.labels),
               ids(batch.position_ids),       reinterpret_cast<float*>(batch.loss_mask),
               ids(batch.segment_ids),        format.pad_id,
               batch.objective_counts.data(), extras_};
}

template <typename Id>
void BatchObjective<Id>::join(FillOptions<Id>& options) const {
    if (!joins()) return;
    options.leaves_tokens = takes_tokens();
    options.write_labels = [this](std::int64_t span) {
        objective_.apply(std::span(spans_).subspan(static_cast<std::size_t>(span), 1), arrays_);
    };
}

template <typename Id>
void BatchObjective<Id>::finish(int num_threads) const {
    if (!joins()) apply_objective(objective_, std::span(spans_), arrays_, num_threads);
    objective_.finish(spans_, {batch_.rows.first_span, batch_.row_length, batch_.num_items, format_.varlen},
                      arrays_);
    batch_.rows.num_tokens = 0;  // some may have grown
    for (const ResolvedSpan& span : batch_.rows.spans) batch_.rows.num_tokens += span.length;
}

template class BatchObjective<std::int32_t>;
template class BatchObjective<std::int64_t>;

}  // namespace pypack
