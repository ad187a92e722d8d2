// Which of the ranks has the least to do so far.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace pypack {

// A tree of matches: each inner node holds the winner of its two children, so that a new load is played up
// one path. Of equal loads the lower rank wins.
class LeastLoaded {
  public:
    // Loads to begin with; none is negative.
    void start(std::span<const double> loads) {
        leaves_ = std::bit_ceil(loads.size());
        keys_.assign(leaves_, kOut);
        for (std::size_t rank = 0; rank < loads.size(); ++rank) keys_[rank] = key_of(loads[rank]);
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
    void set_load(std::size_t rank, double load) { play(rank, key_of(load)); }

    // The rank is not asked for again.
    void take_out(std::size_t rank) { play(rank, kOut); }

  private:
    static constexpr std::uint64_t kOut = std::numeric_limits<std::uint64_t>::max() / 2;  // above infinity

    // The bits of loads are in their order; + 0.0 makes 0 of -0.
    static std::uint64_t key_of(double load) { return std::bit_cast<std::uint64_t>(load + 0.0); }

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
