// Proof that a plan is what it says, from the arrays and the lengths of the documents alone. Safe on any
// content: every index is checked before it is used.
#pragma once

#include <cstdint>
#include <span>

#include "pack/plan/options.hpp"
#include "pack/plan/plan_view.hpp"

namespace pypack {

// Throws invalid_argument unless the arrays' sizes agree. O(1).
void check_sizes(const PlanView& plan);

// Throws invalid_argument unless sequence_offsets rises from 0 to the number of spans. O(sequences).
void check_offsets(const PlanView& plan);

// Throws invalid_argument unless literal_offsets, where there are any, rise from 0 to the number of literal
// tokens. O(spans).
void check_literal_offsets(const PlanView& plan);

// Throws invalid_argument with the first offending sequence, span or document unless every span lies in its
// document, no token is in two spans, and no sequence exceeds its capacity or max_documents. Returns where
// the tokens went, to be compared with the counts of the plan.
[[nodiscard]] PlanCounts verify_plan(const PlanView& plan, std::span<const Length> lengths, Length align,
                                     Length max_documents);

// What the spans of a plan tell about its documents.
struct SpanCounts {
    std::int64_t documents_without_span = 0;
    std::int64_t split_documents = 0;
    std::int64_t tokens = 0;  // in spans
};

// verify_plan() where the lengths of the `documents` documents are not at hand: all but the ends of
// documents.
[[nodiscard]] SpanCounts verify_alone(const PlanView& plan, std::int64_t documents, Length align,
                                      Length max_documents);

}  // namespace pypack
