// Which of the ranks has the least to do so far, where costs are whole numbers.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace pypack {

// As LeastLoaded, for loads that fit into one word beside the number of their rank: nodes hold the winner's
// load itself, so that on the way up nothing is waited for but the comparisons. A quarter less time for 32
// ranks.
class LeastLoadedWhole {
  public:
    // Whether the loads add up exactly and fit, where costs are whole. `step`: sequences by falling cost, of
    // which each rank gets an equal part.
    [[nodiscard]] static bool fits(std::span<const std::int64_t> step, std::span<const double> costs,
                                   std::size_t ranks) {
        constexpr double kExact = 9007199254740992.0;  // 2^53
        const double dearest = costs[static_cast<std::size_t>(step.front())];
        return ranks <= kMostRanks && dearest * static_cast<double>(step.size() / ranks) < kExact;
    }

    [[nodiscard]] static bool are_whole(std::span<const std::int64_t> step, std::span<const double> costs) {
        return std::all_of(step.begin(), step.end(), [costs](std::int64_t sequence) {
            const double cost = costs[static_cast<std::size_t>(sequence)];
            return cost == static_cast<double>(static_cast<std::int64_t>(cost));
        });
    }

    // Loads to begin with.
    void start(std::span<const double> loads) {
        leaves_ = std::bit_ceil(loads.size());
        least_.assign(2 * leaves_, kOut);
        for (std::size_t rank = 0; rank < loads.size(); ++rank) {
            least_[leaves_ + rank] = key_of(loads[rank], rank);
        }
        for (std::size_t node = leaves_; --node > 0;) {
            least_[node] = std::min(least_[2 * node], least_[2 * node + 1]);
        }
    }

    [[nodiscard]] std::size_t rank() const { return least_[1] % kMostRanks; }

    // What the least loaded rank gets more; if it is its last, it is not asked for again. Keys hold the load,
    // so that neither it nor its rank is waited for.
    void add(std::int64_t cost, bool is_last) {
        const std::uint64_t key = least_[1];
        const auto more = static_cast<std::uint64_t>(cost) * kMostRanks;
        play(key % kMostRanks, is_last ? kOut : key + more);
    }

  private:
    static constexpr std::size_t kMostRanks = 1024;  // 2^53 times so many fits
    static constexpr std::uint64_t kOut = std::numeric_limits<std::uint64_t>::max();

    // Of equal loads the lower rank wins.
    static std::uint64_t key_of(double load, std::size_t rank) {
        return static_cast<std::uint64_t>(static_cast<std::int64_t>(load)) * kMostRanks + rank;
    }

    void play(std::size_t rank, std::uint64_t key) {
        std::uint64_t* const least = least_.data();
        std::size_t node = leaves_ + rank;
        least[node] = key;
        for (; node > 1; node /= 2) {
            key = std::min(key, least[node ^ 1]);
            least[node / 2] = key;
        }
    }

    std::size_t leaves_ = 1;
    std::vector<std::uint64_t> least_;  // of each node; the leaves are the second half
};

}  // namespace pypack
