// What the slowest rank is to exchange with which other one, where costs are whole numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace pypack {

// Looks at all pairs of items, many at a time, which takes less than finding out which pairs matter; but only
// of ranks that have little enough to do.
class NearestExchange {
  public:
    static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

    // A load and its rank in one word; of equal loads the lower rank is above, where it counts as the slower.
    struct RankKey {
        static constexpr std::size_t kMostRanks = 1024;
        static std::uint64_t of(std::int64_t load, std::size_t rank) {
            return static_cast<std::uint64_t>(load) * kMostRanks + (kMostRanks - 1 - rank);
        }
        static std::size_t rank(std::uint64_t key) { return kMostRanks - 1 - key % kMostRanks; }
    };

    // The items of all ranks, `count` each, by falling cost: twice what they cost, so that half a gap between
    // two ranks is a whole number. All sums are below 2^52.
    struct Items {
        std::span<const std::int64_t> costs;
        std::size_t count;
        std::span<const std::int64_t> loads;    // of the ranks, not twice
        std::span<const std::uint64_t> rising;  // the ranks by rising load, as RankKey says

        [[nodiscard]] std::span<const std::int64_t> of_rank(std::size_t rank) const {
            return costs.subspan(rank * count, count);
        }
    };

    // One or two items of a rank, the two equal for one.
    struct Choice {
        std::size_t first = 0;
        std::size_t second = 0;
    };

    struct Exchange {
        std::size_t partner = kNone;
        std::size_t place = 0;  // of the partner among the rising
        Choice give;
        Choice take;
        std::int64_t moved = 0;  // from load to load
    };

    // The exchange of the slowest rank that leaves the slower of two ranks least, of one item for one or,
    // with `pairs`, of two for two; no partner if that is never below `enough`. Of equals the first partner,
    // then the dearest and first taken, then the cheapest given from half the gap on, else the dearest below
    // it; of equal ones the last from there on, the first below.
    [[nodiscard]] Exchange find(const Items& items, std::size_t slowest, bool pairs, double enough);

  private:
    void choose(const Items& items, std::size_t slowest, bool pairs, std::int64_t distance, Exchange& out);

    std::vector<std::int64_t> gives_;  // padded to whole vectors
    std::vector<std::int64_t> takes_;
};

}  // namespace pypack
