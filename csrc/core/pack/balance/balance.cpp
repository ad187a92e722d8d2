#include "pack/balance/balance.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "common/checked.hpp"
#include "common/interrupt.hpp"
#include "common/parallel.hpp"
#include "common/permutation.hpp"
#include "pack/balance/longest_first.hpp"
#include "pack/balance/sort_by_cost.hpp"
#include "pack/plan/verify.hpp"

namespace pypack {

void BalanceOptions::validate() const {
    const auto check = [](const char* name, std::int64_t value) {
        if (value < 1 || value > (std::int64_t{1} << 31)) {
            throw std::invalid_argument(std::string(name) + " must be from 1 to 2^31, got " +
                                        std::to_string(value));
        }
    };
    check("ranks", ranks);
    check("micro_batches", micro_batches);
    check("window", window);
    if (!(even >= 1)) {
        throw std::invalid_argument("even must be at least 1, got " + std::to_string(even));
    }
    (void)checked_multiply(checked_multiply(ranks, micro_batches, "sequences of a step"), window,
                           "sequences of a window");
}

namespace {

// By falling cost, to the ranks in turns.
void deal_out(std::span<std::int64_t> step, std::size_t ranks) {
    const std::vector<std::int64_t> falling(step.begin(), step.end());
    const std::size_t micro_batches = step.size() / ranks;
    for (std::size_t i = 0; i < step.size(); ++i) step[i % ranks * micro_batches + i / ranks] = falling[i];
}

void check_costs(std::span<const double> costs) {
    for (std::size_t i = 0; i < costs.size(); ++i) {
        check_interrupt_at(i);
        if (!(costs[i] >= 0) || !std::isfinite(costs[i])) {
            throw std::invalid_argument("costs[" + std::to_string(i) + "] is " + std::to_string(costs[i]) +
                                        ": a cost must be finite and not negative");
        }
    }
}

}  // namespace

Buffer<std::int64_t> balance(std::span<const double> costs, const BalanceOptions& options, int num_threads) {
    constexpr std::uint64_t kOrderOfSteps = 0x62616c616e6365ULL;  // purpose of the draw
    options.validate();
    check_costs(costs);
    const std::int64_t size = options.step_size();
    const std::int64_t steps = static_cast<std::int64_t>(costs.size()) / size;
    const std::int64_t windows = (steps + options.window - 1) / options.window;
    Buffer<std::int64_t> order(steps * size);
    parallel_for(windows, num_threads, [&](std::int64_t w) {
        const std::int64_t begin = w * options.window;
        const std::int64_t end = std::min(steps, begin + options.window);
        std::vector<std::int64_t> sequences(static_cast<std::size_t>((end - begin) * size));
        std::iota(sequences.begin(), sequences.end(), begin * size);
        CostSorter sorter;
        if (options.window > 1) sorter.sort(sequences, costs);
        const Permutation places(static_cast<std::uint64_t>(end - begin),
                                 random_bits(options.seed, kOrderOfSteps, static_cast<std::uint64_t>(w)));
        LongestFirst longest_first;
        longest_first.start(costs, static_cast<std::size_t>(options.ranks),
                            static_cast<std::size_t>(options.micro_batches), options.even);
        for (std::int64_t s = 0; s < end - begin; ++s) {
            check_interrupt();
            const auto step = std::span(sequences).subspan(static_cast<std::size_t>(s * size),
                                                           static_cast<std::size_t>(size));
            if (options.strategy != BalanceStrategy::none) sorter.sort(step, costs);
            if (options.strategy == BalanceStrategy::deal) {
                deal_out(step, static_cast<std::size_t>(options.ranks));
            }
            if (options.strategy == BalanceStrategy::lpt) longest_first.deal_out(step);
            const auto place = static_cast<std::int64_t>(
                options.window > 1 ? places(static_cast<std::uint64_t>(s)) : static_cast<std::uint64_t>(s));
            std::copy(step.begin(), step.end(), order.data() + (begin + place) * size);
        }
    });
    return order;
}

BalanceReport balance_report(std::span<const double> costs, std::span<const std::int64_t> order,
                             const BalanceOptions& options) {
    const std::int64_t size = options.step_size();
    const auto steps = static_cast<std::int64_t>(order.size()) / size;
    double slowest_sum = 0;
    double least_sum = 0;
    double mean_sum = 0;
    double square_sum = 0;
    std::vector<double> step(static_cast<std::size_t>(size));
    for (std::int64_t s = 0; s < steps; ++s) {
        check_interrupt();
        double total = 0;
        double slowest = 0;
        for (std::int64_t rank = 0; rank < options.ranks; ++rank) {
            double load = 0;
            for (std::int64_t m = 0; m < options.micro_batches; ++m) {
                const std::int64_t at = rank * options.micro_batches + m;
                const double cost =
                    costs[static_cast<std::size_t>(order[static_cast<std::size_t>(s * size + at)])];
                step[static_cast<std::size_t>(at)] = cost;
                load += cost;
            }
            slowest = std::max(slowest, load);
            total += load;
        }
        const double mean = total / static_cast<double>(options.ranks);
        slowest_sum += slowest;
        mean_sum += mean;
        square_sum += mean * mean;
        // The rank with the dearest sequence has at best the cheapest ones besides.
        std::sort(step.begin(), step.end());
        const double with_dearest =
            std::accumulate(step.begin(), step.begin() + (options.micro_batches - 1), step.back());
        least_sum += std::max(mean, with_dearest);
    }
    BalanceReport report;
    if (mean_sum > 0) {
        report.slowdown = slowest_sum / mean_sum;
        report.lower_bound = std::min(least_sum, slowest_sum) / mean_sum;
        const double mean_step = mean_sum / static_cast<double>(steps);
        const double variance = square_sum / static_cast<double>(steps) - mean_step * mean_step;
        report.spread = std::sqrt(std::max(0.0, variance)) / mean_step;
    }
    return report;
}

Buffer<double> sequence_costs(const PlanView& plan, double per_token, double per_pair) {
    check_offsets(plan);
    check_literal_offsets(plan);
    Buffer<double> costs(plan.num_sequences());
    for (std::size_t s = 0; s < plan.sequence_capacity.size(); ++s) {
        check_interrupt_at(s);
        // Whole numbers first: the sums are exact, whatever the order of the spans.
        std::int64_t tokens = 0;
        std::int64_t pairs = 0;
        for (std::int64_t i = plan.sequence_offsets[s]; i < plan.sequence_offsets[s + 1]; ++i) {
            const std::int64_t length = plan.span_length[static_cast<std::size_t>(i)];
            tokens += length;
            pairs = checked_add(pairs, length * length, "attention cost");
        }
        if (plan.literals.any()) {
            tokens += plan.num_literals(s);
            pairs = checked_multiply(tokens, tokens, "attention cost");
        }
        costs[static_cast<std::int64_t>(s)] =
            per_token * static_cast<double>(tokens) + per_pair * static_cast<double>(pairs);
    }
    return costs;
}

}  // namespace pypack
