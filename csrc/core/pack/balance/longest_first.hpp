// Longest processing time first, then exchanges between ranks: one step at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pack/balance/least_loaded.hpp"
#include "pack/balance/whole_step.hpp"

namespace pypack {

// Keeps its memory from step to step.
class LongestFirst {
  public:
    // A step is ranks x micro_batches sequences; exchanges end where the slowest rank's cost is no more than
    // `even` times the mean. Costs are finite and not negative.
    void start(std::span<const double> costs, std::size_t ranks, std::size_t micro_batches, double even) {
        costs_ = costs;
        ranks_ = ranks;
        micro_batches_ = micro_batches;
        even_ = even;
    }

    // `step` holds the sequences by falling cost; they are rearranged rank by rank, those of a rank by
    // falling cost still, equal costs by their numbers.
    void deal_out(std::span<std::int64_t> step);

  private:
    struct Item {
        double cost;
        std::int64_t sequence;
    };

    // One or two items of a rank, the two equal for one.
    struct Places {
        std::size_t first;
        std::size_t second;
        double cost;
    };

    struct Exchange {
        double slower;  // load of the slower of the two ranks after it
        std::size_t partner;
        Places give;
        Places take;
    };

    [[nodiscard]] bool are_whole(std::span<const std::int64_t> step) const;
    void deal_out_whole(std::span<std::int64_t> step);
    static bool dearer(const Item& a, const Item& b);
    static void settle(std::span<Item> items, std::size_t at);
    void match(std::span<const std::int64_t> sequences);
    void swap_until_even();
    void exchange(std::size_t slowest, const Exchange& what);
    void find_exchange(std::size_t slowest, bool two, Exchange& best);
    template <typename Thing>
    void find_among(std::span<const Thing> gives, std::span<const Thing> takes, std::size_t slowest,
                    std::size_t rank, Exchange& best) const;
    void list_pairs(std::size_t rank, std::vector<Places>& out);

    // The items of a rank, by falling cost at all times.
    [[nodiscard]] std::span<Item> items(std::size_t rank) {
        return std::span(items_).subspan(rank * micro_batches_, micro_batches_);
    }

    std::span<const double> costs_;
    std::size_t ranks_ = 1;
    std::size_t micro_batches_ = 1;
    double even_ = 1;
    std::vector<double> load_;
    std::vector<std::size_t> filled_;
    LeastLoaded least_;
    std::vector<Item> items_;
    std::vector<Places> gives_;
    std::vector<Places> takes_;
    WholeStep whole_;
    std::vector<std::int64_t> whole_costs_;
    std::vector<std::int64_t> falling_;  // sequences of a whole step
};

}  // namespace pypack
