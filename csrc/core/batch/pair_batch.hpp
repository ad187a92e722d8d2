// Batches for encoders and decoders: both sides of the spans of plans with two capacities, packed.
#pragma once

#include <cstdint>
#include <span>

#include "batch/made_batch.hpp"
#include "batch/sequence_source.hpp"
#include "objective/denoising.hpp"

namespace pypack {

// Bytes that the arrays of so many rows take.
[[nodiscard]] std::size_t pair_batch_bytes(std::int64_t rows, PairLengths rooms, const BatchFormat& format);

// Every row has rooms.inputs items of `input_ids`, `position_ids` and `segment_ids`, and rooms.targets items
// of `labels`, of `loss_mask` and of the extras "decoder_input_ids", "decoder_position_ids" and
// "decoder_segment_ids". In the varlen layout both sides are spans end to end, as many items as they have,
// with cu_seqlens of their own, and segments count through the batch. Labels are what the decoder is to say
// at their own place, kIgnoreLabel at padding and where a token may not be learned; its inputs are the same
// one place later, begun with the start token. Segment i of a row is the i-th span on both sides; 0 is
// padding. As make_batch; the draws of a span depend on what those of other objectives do
// (batch_objective.hpp). Throws std::invalid_argument where a row has more items than room on a side.
[[nodiscard]] MadeBatch make_pair_batch(std::span<const SequenceSource> sources, std::span<const RowRef> rows,
                                        const Denoising& denoising, PairLengths rooms,
                                        const BatchFormat& format, BufferPool& pool, OutsideMemory outside,
                                        int num_threads, std::int64_t now);

}  // namespace pypack
