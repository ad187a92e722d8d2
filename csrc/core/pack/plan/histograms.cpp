#include "pack/plan/histograms.hpp"

#include <algorithm>
#include <bit>

#include "common/interrupt.hpp"
#include "pack/plan/verify.hpp"

namespace pypack {

PlanHistograms plan_histograms(const PlanView& plan) {
    check_offsets(plan);
    PlanHistograms result;
    for (std::size_t s = 0; s < plan.sequence_capacity.size(); ++s) {
        check_interrupt_at(s);
        std::int64_t tokens = 0;
        for (std::int64_t i = plan.sequence_offsets[s]; i < plan.sequence_offsets[s + 1]; ++i) {
            // What is below 1 is wrong, and for verify_plan() to say.
            const auto length = static_cast<std::uint32_t>(
                std::max(plan.span_length[static_cast<std::size_t>(i)], Length{1}));
            auto& spans = result.lengths[static_cast<std::size_t>(std::bit_width(length)) - 1];
            ++spans.count;
            spans.tokens += length;
            tokens += length;
        }
        const std::int64_t capacity = std::max(plan.sequence_capacity[s], Length{1});
        ++result.fills[static_cast<std::size_t>(std::min<std::int64_t>(100, 100 * tokens / capacity))];
    }
    return result;
}

}  // namespace pypack
