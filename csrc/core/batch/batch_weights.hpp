// How much the losses of a batch's tokens count.
#pragma once

#include <cstdint>
#include <span>

#include "batch/made_batch.hpp"

namespace pypack {

// Of every span: how much all of its tokens count; or where the weights of its document's tokens begin among
// those of its source, if that is not negative.
struct SpanWeights {
    std::span<const float> of_span;
    std::span<const std::int64_t> begins;
    std::span<const std::span<const float>> of_tokens;  // by source; empty where it has none
};

// One weight for every label (or item of the loss mask) of the batch: 0 where nothing is learned. Of inputs
// and targets the targets have them, which are other tokens than the span's: so only weights of whole spans.
// Throws std::invalid_argument if these are not as many as spans, or the batch has neither labels nor loss
// mask; std::out_of_range for tokens without weights.
void write_weights(const MadeBatch& batch, const SpanWeights& weights, float* out);

}  // namespace pypack
