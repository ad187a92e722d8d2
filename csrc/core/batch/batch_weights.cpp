#include "batch/batch_weights.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>

#include "common/simd.hpp"
#include "common/types.hpp"

namespace pypack {

namespace {

PYPACK_SIMD_CLONES
void keep_learned(const std::int64_t* labels, std::int64_t items, float* weights) {
    for (std::int64_t i = 0; i < items; ++i) weights[i] = labels[i] == kIgnoreLabel ? 0.0F : weights[i];
}

PYPACK_SIMD_CLONES
void keep_learned(const std::int32_t* labels, std::int64_t items, float* weights) {
    for (std::int64_t i = 0; i < items; ++i) weights[i] = labels[i] == kIgnoreLabel ? 0.0F : weights[i];
}

PYPACK_SIMD_CLONES
void keep_learned(const float* mask, std::int64_t items, float* weights) {
    for (std::int64_t i = 0; i < items; ++i) weights[i] = mask[i] == 0.0F ? 0.0F : weights[i];
}

// Where the labels are.
class WeightWriter {
  public:
    WeightWriter(const MadeBatch& batch, const SpanWeights& weights, float* out)
        : batch_(batch), weights_(weights), out_(out) {}

    // What span `s` counts, of so many items from `begin` on.
    void write(std::size_t s, std::int64_t begin, std::int64_t items) const {
        if (weights_.begins[s] < 0) {
            std::fill_n(out_ + begin, items, weights_.of_span[s]);
        } else {
            const std::span<const float> found = of_tokens(s, items);
            std::copy(found.begin(), found.end(), out_ + begin);
        }
        if (batch_.labels == nullptr) {
            keep_learned(reinterpret_cast<const float*>(batch_.loss_mask) + begin, items, out_ + begin);
        } else if (batch_.int32) {
            keep_learned(reinterpret_cast<const std::int32_t*>(batch_.labels) + begin, items, out_ + begin);
        } else {
            keep_learned(reinterpret_cast<const std::int64_t*>(batch_.labels) + begin, items, out_ + begin);
        }
    }

  private:
    [[nodiscard]] std::span<const float> of_tokens(std::size_t s, std::int64_t items) const {
        const ResolvedSpan& span = batch_.rows.spans[s];
        if (batch_.target_length >= 0) {
            throw std::invalid_argument("weights of tokens, of a batch whose targets are others");
        }
        const auto source = static_cast<std::size_t>(span.source);
        const std::span<const float> all =
            source < weights_.of_tokens.size() ? weights_.of_tokens[source] : std::span<const float>{};
        const std::int64_t first = weights_.begins[s] + span.start;
        if (first > std::ssize(all) || items > std::ssize(all) - first) {
            throw std::out_of_range("tokens " + std::to_string(first) + " to " +
                                    std::to_string(first + items) + " of " + std::to_string(all.size()) +
                                    " that have weights");
        }
        return all.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(items));
    }

    const MadeBatch& batch_;
    const SpanWeights& weights_;
    float* out_;
};

}  // namespace

void write_weights(const MadeBatch& batch, const SpanWeights& weights, float* out) {
    const std::vector<ResolvedSpan>& spans = batch.rows.spans;
    if (weights.of_span.size() != spans.size() || weights.begins.size() != spans.size()) {
        throw std::invalid_argument("there must be a weight for each of " + std::to_string(spans.size()) +
                                    " spans");
    }
    if (batch.labels == nullptr && batch.loss_mask == nullptr) {
        throw std::invalid_argument("weights stand beside labels or a loss mask");
    }
    const bool pairs = batch.target_length >= 0;
    const WeightWriter writer(batch, weights, out);
    std::int64_t at = 0;
    for (std::size_t r = 0; r + 1 < batch.rows.first_span.size(); ++r) {
        const auto first = static_cast<std::size_t>(batch.rows.first_span[r]);
        const auto last = static_cast<std::size_t>(batch.rows.first_span[r + 1]);
        for (std::size_t s = first; s < last; ++s) {
            const std::int64_t items = pairs ? batch.target_items[s] : spans[s].length;
            const std::int64_t room = pairs ? items : spans[s].room;
            writer.write(s, at, items);
            std::fill_n(out + at + items, room - items, 0.0F);
            at += room;
        }
        if (batch.varlen) continue;
        const auto end = static_cast<std::int64_t>(r + 1) * (pairs ? batch.target_length : batch.row_length);
        std::fill(out + at, out + end, 0.0F);
        at = end;
    }
    std::fill(out + at, out + (pairs ? batch.num_targets : batch.num_items), 0.0F);
}

}  // namespace pypack
