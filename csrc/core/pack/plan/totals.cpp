#include "pack/plan/totals.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "common/checked.hpp"
#include "common/interrupt.hpp"
#include "pack/plan/bounds.hpp"
#include "pack/plan/plan_arrays.hpp"

namespace pypack {

namespace {

// Logarithms of the short lengths, which are nearly all: std::log a span would take half of the pass.
class LogTable {
  public:
    LogTable() : table_(1 << 14) {
        for (std::size_t i = 1; i < table_.size(); ++i) table_[i] = std::log(static_cast<double>(i));
    }
    [[nodiscard]] double operator()(Length length) const {
        const auto index = static_cast<std::size_t>(std::max(length, Length{1}));
        return index < table_.size() ? table_[index] : std::log(static_cast<double>(index));
    }

  private:
    std::vector<double> table_;
};

std::int64_t l2_bound(const PlanView& plan, Length align) {
    const auto& capacities = plan.sequence_capacity;
    const auto is_first = [&](Length capacity) { return capacity == capacities.front(); };
    if (capacities.empty() || !std::all_of(capacities.begin(), capacities.end(), is_first)) return 0;
    const Length units = capacities.front() / align;
    if (units < 1 || units > PackOptions::kMaxSequenceLength) return 0;
    std::vector<std::int64_t> counts(static_cast<std::size_t>(units) + 1, 0);
    for (const Length length : plan.span_length) {
        if (length < 1 || length > units * align) return 0;  // no plan that verify_plan() would pass
        ++counts[units_of(length, align)];
    }
    return martello_toth_bound(counts);
}

}  // namespace

PlanTotals plan_totals(const PlanView& plan, Length align) {
    if (align < 1) throw std::invalid_argument("align must be at least 1, got " + std::to_string(align));
    check_offsets(plan);
    check_literal_offsets(plan);
    PlanTotals totals;
    const LogTable log_of;
    double sum = 0;
    double sum_of_squares = 0;
    double between = 0;  // sum over sequences of (sum of logs)^2 / spans
    for (std::size_t s = 0; s < plan.sequence_capacity.size(); ++s) {
        check_interrupt_at(s);
        const std::int64_t begin = plan.sequence_offsets[s];
        const std::int64_t end = plan.sequence_offsets[s + 1];
        std::int64_t tokens = 0;
        std::int64_t cost = 0;
        double logs = 0;
        for (std::int64_t i = begin; i < end; ++i) {
            const Length length = plan.span_length[static_cast<std::size_t>(i)];
            tokens += length;
            cost = checked_add(cost, std::int64_t{length} * length, "attention cost");
            const double log_length = log_of(length);
            logs += log_length;
            sum_of_squares += log_length * log_length;
        }
        if (plan.literals.any()) {  // one segment
            const std::int64_t all = tokens + plan.num_literals(s);
            cost = checked_multiply(all, all, "attention cost");
        }
        totals.tokens = checked_add(totals.tokens, tokens, "tokens of the plan");
        totals.attention_cost = checked_add(totals.attention_cost, cost, "attention cost");
        totals.capacity = checked_add(totals.capacity, plan.sequence_capacity[s], "capacity of the plan");
        totals.most_spans = std::max(totals.most_spans, end - begin);
        sum += logs;
        if (end > begin) between += logs * logs / static_cast<double>(end - begin);
    }
    if (plan.num_spans() > 0) {
        const auto spans = static_cast<double>(plan.num_spans());
        const double mean_square = (sum / spans) * (sum / spans);
        totals.log_length_variance = std::max(0.0, sum_of_squares / spans - mean_square);
        totals.between_variance = std::clamp(between / spans - mean_square, 0.0, totals.log_length_variance);
    }
    totals.l2_bound = l2_bound(plan, align);
    return totals;
}

}  // namespace pypack
