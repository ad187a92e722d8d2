// One rank's part of a step dealt out longest first.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pypack {

// One rank's part of a single step, as `balance` with BalanceStrategy::lpt deals it out: the items of the
// rank by falling cost. As every rank of every step needs it, the memory is the thread's and stays. Throws
// std::invalid_argument for a negative cost, or a step that does not divide.
[[nodiscard]] std::vector<std::int64_t> lpt_to_rank(std::span<const std::int64_t> costs, std::int64_t ranks,
                                                    std::int64_t rank, double even);

}  // namespace pypack
