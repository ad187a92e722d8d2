// Sequences of a step over ranks, so that no rank waits long for another. From costs alone: every rank
// computes the same assignment, and no data is exchanged.
#pragma once

#include <cstdint>
#include <span>

#include "common/buffer.hpp"
#include "pack/plan/plan_view.hpp"

namespace pypack {

enum class BalanceStrategy : std::uint8_t {
    none,  // in the order given: rank by rank
    deal,  // sorted by falling cost and dealt out in turns (Unpadded BERT, arXiv 2208.08124)
    lpt,   // longest processing time first, to the rank with the least cost, then swaps between ranks
};

// A step is ranks x micro_batches sequences, micro_batches for each rank.
struct BalanceOptions {
    std::int64_t ranks = 1;
    std::int64_t micro_batches = 1;
    BalanceStrategy strategy = BalanceStrategy::lpt;
    // Above 1: the sequences of so many consecutive steps are sorted by cost before they are cut into steps,
    // so that like meets like; the steps then come in an order drawn by `seed`. It is all that helps where a
    // step is one sequence a rank, and it makes steps unlike each other.
    std::int64_t window = 1;
    std::uint64_t seed = 0;
    // lpt: its swaps end where the slowest rank's cost is no more than this times the mean.
    double even = 1.0005;

    [[nodiscard]] std::int64_t step_size() const { return ranks * micro_batches; }
    void validate() const;
};

// How long ranks wait. A step takes as long as its slowest rank.
struct BalanceReport {
    double slowdown = 1;  // sum over steps of the slowest rank / sum of the mean rank
    double lower_bound =
        1;              // of the slowdown: no assignment of the same sequences to these steps does better
    double spread = 0;  // standard deviation over mean of the steps' costs
};

// order[(step * ranks + rank) * micro_batches + m]: index of a sequence in `costs`. Sequences beyond the last
// whole step are left out. A rank's sequences come by falling cost, so that the m-th of all ranks are alike.
// Costs must be finite and not negative: invalid_argument names the first that is not.
[[nodiscard]] Buffer<std::int64_t> balance(std::span<const double> costs, const BalanceOptions& options,
                                           int num_threads);

[[nodiscard]] BalanceReport balance_report(std::span<const double> costs, std::span<const std::int64_t> order,
                                           const BalanceOptions& options);

// Cost of each sequence: per_token * tokens + per_pair * (sum of length squared over its spans).
[[nodiscard]] Buffer<double> sequence_costs(const PlanView& plan, double per_token, double per_pair);

}  // namespace pypack
