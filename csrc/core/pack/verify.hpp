// Proof that a plan is what it says, from the arrays and the lengths of the documents alone. Safe on any
// content: every index is checked before it is used.
#pragma once

#include <cstdint>
#include <span>

#include "pack/options.hpp"

namespace pypack {

struct PlanView {
    std::span<const std::int64_t> sequence_offsets;
    std::span<const std::int64_t> span_document;
    std::span<const Length> span_start;
    std::span<const Length> span_length;
    std::span<const Length> sequence_capacity;

    [[nodiscard]] std::int64_t num_sequences() const {
        return static_cast<std::int64_t>(sequence_capacity.size());
    }
    [[nodiscard]] std::int64_t num_spans() const { return static_cast<std::int64_t>(span_document.size()); }
};

// Throws invalid_argument unless the arrays' sizes agree. O(1).
void check_sizes(const PlanView& plan);

// Throws invalid_argument unless sequence_offsets rises from 0 to the number of spans. O(sequences).
void check_offsets(const PlanView& plan);

// Throws invalid_argument with the first offending sequence, span or document unless every span lies in its
// document, no token is in two spans, and no sequence exceeds its capacity or max_documents. Returns where
// the tokens went, to be compared with the counts of the plan.
[[nodiscard]] PlanCounts verify_plan(const PlanView& plan, std::span<const Length> lengths, Length align,
                                     Length max_documents);

}  // namespace pypack
