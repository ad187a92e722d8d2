// The objective of a run, put on a batch.
#pragma once

#include <span>

#include "batch/made_batch.hpp"
#include "batch/sequence_source.hpp"
#include "objective/objective.hpp"

namespace pypack {

// `rows` are those that the batch was made of. The draws of a span depend on the key of its source, the
// epoch, the sequence and the number of the span in it: so that they are the same at any step, on any rank,
// in any layout.
void apply_to_batch(const Objective& objective, std::span<const SequenceSource> sources,
                    std::span<const RowRef> rows, const BatchFormat& format, MadeBatch& batch,
                    int num_threads);

}  // namespace pypack
