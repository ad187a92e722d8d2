// A plan that was written in windows, cut into parts that threads can finish one by one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pack/best_fit/stride_windows.hpp"

namespace pypack {

// Sequences [first_sequence, end_sequence) hold spans [first_span, end_span).
struct PlanPart {
    std::int64_t first_sequence;
    std::int64_t end_sequence;
    std::int64_t first_span;
    std::int64_t end_span;
};

// Neighbouring windows until they hold `enough` spans. first_spans[w]: where the spans of window w begin.
[[nodiscard]] std::vector<PlanPart> parts_of_windows(const StrideWindows& windows,
                                                     std::span<const std::int64_t> first_spans,
                                                     std::int64_t num_sequences, std::int64_t num_spans,
                                                     std::int64_t enough);

}  // namespace pypack
