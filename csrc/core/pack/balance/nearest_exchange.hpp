// Which rank the slowest one is to exchange items with, one for one, where costs are whole numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace pypack {

// Looks at all pairs of items, many at a time, which takes less than finding out which pairs matter.
class NearestExchange {
  public:
    static constexpr std::size_t kMostItems = 16;  // of a rank; of more, few pairs matter
    static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

    // costs[rank * count + i]: of item i of a rank; loads: of the ranks. All sums are below 2^53.
    void start(std::size_t ranks, std::size_t count) {
        count_ = count;
        costs_.resize(ranks * count);
        loads_.resize(ranks);
    }
    [[nodiscard]] std::span<std::int64_t> costs(std::size_t rank) {
        return std::span(costs_).subspan(rank * count_, count_);
    }
    [[nodiscard]] std::int64_t& load(std::size_t rank) { return loads_[rank]; }

    // The rank with which an exchange leaves the slower of the two least, the first of equals; kNone if it is
    // never below `enough`.
    [[nodiscard]] std::size_t partner(std::size_t slowest, double enough) const;

  private:
    std::size_t count_ = 1;
    std::vector<std::int64_t> costs_;
    std::vector<std::int64_t> loads_;
};

}  // namespace pypack
