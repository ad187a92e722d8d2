// Which of the ranks has the least to do so far, where costs are whole numbers.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pypack {

// As LeastLoaded, for loads that fit into one word beside the number of their rank, as keys load * kMostRanks
// + rank: nodes hold the winner's key itself, so that on the way up nothing is waited for but the
// comparisons. A quarter less time for 32 ranks. Of equal loads the lower rank wins.
class LeastLoadedWhole {
  public:
    static constexpr std::size_t kMostRanks = 1024;
    static constexpr std::uint64_t kOut = std::uint64_t{1} << 62;  // above all keys

    // Keys to begin with, in any order; ranks without one are never asked for.
    void start(std::span<const std::uint64_t> keys, std::size_t ranks) {
        leaves_ = std::bit_ceil(ranks);
        least_.assign(2 * leaves_, kOut);
        for (const std::uint64_t key : keys) least_[leaves_ + key % kMostRanks] = key;
        for (std::size_t node = leaves_; --node > 0;) {
            least_[node] = std::min(least_[2 * node], least_[2 * node + 1]);
        }
    }

    [[nodiscard]] std::uint64_t key() const { return least_[1]; }

    // Gives the rank whose key is the least another one; kOut: it is not asked for again.
    void replace(std::uint64_t key) {
        std::uint64_t* const least = least_.data();
        std::size_t node = leaves_ + least[1] % kMostRanks;
        least[node] = key;
        for (; node > 1; node /= 2) {
            key = std::min(key, least[node ^ 1]);
            least[node / 2] = key;
        }
    }

  private:
    std::size_t leaves_ = 1;
    std::vector<std::uint64_t> least_;  // of each node; the leaves are the second half
};

}  // namespace pypack
