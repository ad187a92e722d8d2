// One rank's part of a step dealt out by falling cost, without the parts of the others.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pypack {

// What `balance` with BalanceStrategy::deal gives to `rank` of a single step, which must divide among the
// ranks: the items at places rank, rank + ranks, ... of all items by falling cost, equal costs in index
// order. Every rank of every step needs this, so it is made for hundreds of items: told apart by digits, and
// only as far as the rank's own places need.
// Throws std::invalid_argument for a negative cost, or a step that does not divide.
[[nodiscard]] std::vector<std::int64_t> deal_to_rank(std::span<const std::int64_t> costs, std::int64_t ranks,
                                                     std::int64_t rank);

}  // namespace pypack
