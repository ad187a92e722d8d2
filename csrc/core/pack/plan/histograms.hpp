// How long the spans of a plan are, and how full its sequences.
#pragma once

#include <array>
#include <cstdint>

#include "pack/plan/plan_view.hpp"

namespace pypack {

struct PlanHistograms {
    struct Spans {
        std::int64_t count = 0;
        std::int64_t tokens = 0;
    };
    std::array<Spans, 32> lengths{};        // [k]: spans of 2^k .. 2^(k+1) - 1 tokens
    std::array<std::int64_t, 101> fills{};  // [k]: sequences k .. k + 1 percent full; [100]: without padding
};

// Throws like check_offsets().
[[nodiscard]] PlanHistograms plan_histograms(const PlanView& plan);

}  // namespace pypack
