// Longest processing time first for one step whose costs are whole numbers, as sums of squared lengths are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pack/balance/least_loaded_whole.hpp"
#include "pack/balance/nearest_exchange.hpp"

namespace pypack {

// Deals what LongestFirst deals of the same costs. Sequences are known by their places in the order of
// falling costs: of two, the one with the lower place is the dearer one. Keeps its memory from step to step.
class WholeStep {
  public:
    // Whether so many micro-batches a rank, the dearest sequence of this cost, are dealt exactly.
    [[nodiscard]] static bool fits(double dearest, std::size_t ranks, std::size_t micro_batches);

    // Costs by place, falling; `fits` them. Exchanges end as those of LongestFirst do.
    void deal_out(std::span<const std::int64_t> costs, std::size_t ranks, double even);

    // The places of a rank's sequences, rising.
    [[nodiscard]] std::span<const std::uint32_t> of_rank(std::size_t rank) const {
        return std::span(places_).subspan(rank * micro_batches_, micro_batches_);
    }

  private:
    void match(std::span<const std::int64_t> costs);
    [[nodiscard]] std::size_t match_round(std::span<const std::int64_t> costs, std::size_t next);
    [[nodiscard]] bool match_whole_round(std::span<const std::int64_t> costs, std::size_t next);
    void match_rest(std::span<const std::int64_t> costs, std::size_t next);
    bool give(std::size_t rank, std::size_t place, std::uint64_t key);
    void swap_until_even(double even);
    void sort_ranks();
    void settle_ranks(std::size_t place);
    void exchange(std::size_t rank, std::size_t item, std::size_t other, std::size_t others);
    void settle(std::size_t rank);

    std::size_t ranks_ = 1;
    std::size_t micro_batches_ = 1;
    std::vector<std::uint32_t> places_;  // [ranks, micro_batches]
    std::vector<std::int64_t> costs_;    // the same, twice
    std::vector<std::int64_t> loads_;
    std::vector<std::uint32_t> filled_;
    std::vector<std::uint64_t> keys_;    // of ranks that have room: load * kMostRanks + rank
    std::vector<std::uint64_t> more_;    // the same after a round
    std::vector<std::uint64_t> rising_;  // of all ranks, as NearestExchange wants them
    LeastLoadedWhole least_;
    NearestExchange nearest_;
};

}  // namespace pypack
