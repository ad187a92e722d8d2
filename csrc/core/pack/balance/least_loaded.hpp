// Which of the ranks has the least to do so far.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace pypack {

// A tree of matches: each inner node holds the winner of its two children, so that a new load is played up
// one path. Of equal loads the lower rank wins.
class LeastLoaded {
  public:
    // All ranks have no load.
    void start(std::size_t ranks) {
        leaves_ = std::bit_ceil(ranks);
        keys_.assign(leaves_, 0);
        for (std::size_t rank = ranks; rank < leaves_; ++rank) keys_[rank] = kOut;
        winners_.resize(2 * leaves_);
        for (std::size_t rank = 0; rank < leaves_; ++rank) winners_[leaves_ + rank] = rank;
        for (std::size_t node = leaves_; --node > 0;) {
            const std::size_t left = winners_[2 * node];
            const std::size_t right = winners_[2 * node + 1];
            winners_[node] = keys_[left] <= keys_[right] ? left : right;
        }
    }

    [[nodiscard]] std::size_t rank() const { return winners_[1]; }

    // A load must not be negative.
    void set_load(std::size_t rank, double load) { play(rank, std::bit_cast<std::uint64_t>(load + 0.0)); }

    // The rank is not asked for again.
    void take_out(std::size_t rank) { play(rank, kOut); }

  private:
    static constexpr std::uint64_t kOut = std::numeric_limits<std::uint64_t>::max() / 2;  // above infinity

    // Loads as their bits, which are in their order.
    void play(std::size_t rank, std::uint64_t key) {
        keys_[rank] = key;
        for (std::size_t node = leaves_ + rank; node > 1; node /= 2) {
            const std::size_t other = winners_[node ^ 1];
            const std::uint64_t other_key = keys_[other];
            // The left one also where both are equal. By a mask: who wins cannot be predicted, and compilers
            // make branches of conditions.
            const std::uint64_t stays = 0 - static_cast<std::uint64_t>(key < other_key + (~node & 1));
            key = other_key ^ ((key ^ other_key) & stays);
            rank = other ^ ((rank ^ other) & static_cast<std::size_t>(stays));
            winners_[node / 2] = rank;
        }
    }

    std::size_t leaves_ = 1;
    std::vector<std::uint64_t> keys_;   // of each rank
    std::vector<std::size_t> winners_;  // the leaves are the second half
};

}  // namespace pypack
