// The figures of a finished plan, in one pass over its spans.
#pragma once

#include <cstdint>

#include "pack/plan/verify.hpp"

namespace pypack {

struct PlanTotals {
    std::int64_t tokens = 0;
    std::int64_t capacity = 0;        // of all sequences
    std::int64_t attention_cost = 0;  // sum of length squared over the spans
    std::int64_t most_spans = 0;      // in one sequence
    std::int64_t l2_bound = 0;  // martello_toth_bound() of the spans; 0 where sequences differ in capacity
    double log_length_variance = 0;  // of the natural logarithm of the span lengths, each span counting once
    double between_variance = 0;     // the part of it that lies between the means of the sequences
};

// Throws like check_offsets(), and overflow_error where a total exceeds 2^63-1.
[[nodiscard]] PlanTotals plan_totals(const PlanView& plan, Length align);

}  // namespace pypack
