// The objective of a run, put on a batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "batch/fill.hpp"
#include "batch/made_batch.hpp"
#include "batch/sequence_source.hpp"
#include "objective/objective.hpp"

namespace pypack {

// An objective and the batch that it is put on, whose arrays are cut and whose rows are resolved. The draws
// of a span depend on the key of its source, the epoch, the sequence and the number of the span in it: so
// that they are the same at any step, on any rank, in any layout.
template <typename Id>
class BatchObjective {
  public:
    // `rows`: those that the batch is made of. All of it must stay.
    BatchObjective(const Objective& objective, std::span<const SequenceSource> sources,
                   std::span<const RowRef> rows, const BatchFormat& format, MadeBatch& batch);
    BatchObjective(const BatchObjective&) = delete;
    BatchObjective& operator=(const BatchObjective&) = delete;

    // Before the batch is filled: has an objective that writes all labels do so span by span.
    void join(FillOptions<Id>& options) const;
    // Afterwards: what is left to do.
    void finish(int num_threads) const;

  private:
    [[nodiscard]] bool joins() const { return format_.leaves_labels && objective_.writes_all_labels(); }
    [[nodiscard]] bool takes_tokens() const { return joins() && objective_.writes_tokens(); }

    const Objective& objective_;
    const BatchFormat& format_;
    MadeBatch& batch_;
    std::vector<ObjectiveSpan> spans_;
    std::vector<std::byte*> extras_;
    ObjectiveArrays<Id> arrays_;
};

}  // namespace pypack
