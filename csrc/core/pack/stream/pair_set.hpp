// The lengths present in a buffer, with the two questions that end a sequence well: which is the longest that
// fits, and which two fill the rest exactly.
#pragma once

#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "pack/best_fit/nearest_set.hpp"

namespace pypack {

class PairSet {
  public:
    static constexpr std::uint32_t kNone = NearestSet::kNone;

    // Holds lengths from 1 to `limit`.
    explicit PairSet(std::uint32_t limit)
        : limit_(limit), lengths_(limit + 1), forward_(limit / 64 + 1, 0), backward_(limit / 64 + 3, 0) {}

    void insert(std::uint32_t length) {
        lengths_.insert(length);
        forward_[length >> 6] |= bit(length);
        const std::uint32_t mirrored = limit_ - length;
        backward_[mirrored >> 6] |= bit(mirrored);
    }

    void erase(std::uint32_t length) {
        lengths_.erase(length);
        forward_[length >> 6] &= ~bit(length);
        const std::uint32_t mirrored = limit_ - length;
        backward_[mirrored >> 6] &= ~bit(mirrored);
    }

    [[nodiscard]] bool contains(std::uint32_t length) const {
        return (forward_[length >> 6] & bit(length)) != 0;
    }

    [[nodiscard]] std::uint32_t at_most(std::uint32_t length) const { return lengths_.at_most(length); }

    // The shorter of two lengths present that sum to `total` and are furthest apart, or kNone. is_single(v)
    // tells whether only one document has length v, so that it makes no pair with itself. `total` must be
    // below the limit.
    //
    // 64 candidates at once: candidate w and its partner total - w stand in one bit of the set and of its
    // mirror image, shifted by limit - total.
    template <typename IsSingle>
    [[nodiscard]] std::uint32_t widest_pair(std::uint32_t total, IsSingle&& is_single) const {
        const std::uint32_t half = total / 2;
        const std::uint32_t shift = limit_ - total;
        const std::uint32_t bits = shift & 63;
        const std::uint64_t* mirror = backward_.data() + (shift >> 6);
        for (std::uint32_t word = 0; word <= half >> 6; ++word) {
            const std::uint64_t partners =
                bits == 0 ? mirror[word] : (mirror[word] >> bits) | (mirror[word + 1] << (64 - bits));
            std::uint64_t found = forward_[word] & partners;
            while (found != 0) {
                const std::uint32_t w = (word << 6) + static_cast<std::uint32_t>(std::countr_zero(found));
                if (w > half) return kNone;
                if (2 * w != total || !is_single(w)) return w;
                found &= ~bit(w);
            }
        }
        return kNone;
    }

  private:
    static std::uint64_t bit(std::uint32_t value) { return std::uint64_t{1} << (value & 63); }

    std::uint32_t limit_;
    NearestSet lengths_;
    std::vector<std::uint64_t> forward_;   // bit v: length v is present
    std::vector<std::uint64_t> backward_;  // bit limit - v: length v is present
};

}  // namespace pypack
