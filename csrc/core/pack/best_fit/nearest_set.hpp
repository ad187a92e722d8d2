// A set of small integers with nearest-member queries: a tree of 64-bit words, each bit telling whether the
// word below it is non-empty. Every operation touches at most one word a level, five levels at 2^26.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace pypack {

class NearestSet {
  public:
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};

    // Holds values below `bound`.
    explicit NearestSet(std::uint32_t bound) {
        std::uint32_t words = bound;
        do {
            words = (words + 63) / 64;
            levels_.emplace_back(words, 0);
        } while (words > 1);
    }

    void insert(std::uint32_t value) {
        for (auto& level : levels_) {
            std::uint64_t& word = level[value >> 6];
            const bool had_members = word != 0;
            word |= std::uint64_t{1} << (value & 63);
            if (had_members) return;
            value >>= 6;
        }
    }

    void erase(std::uint32_t value) {
        for (auto& level : levels_) {
            std::uint64_t& word = level[value >> 6];
            word &= ~(std::uint64_t{1} << (value & 63));
            if (word != 0) return;
            value >>= 6;
        }
    }

    // The smallest member that is at least `value`, or kNone.
    [[nodiscard]] std::uint32_t at_least(std::uint32_t value) const {
        for (std::size_t level = 0; level < levels_.size(); ++level) {
            const std::uint32_t index = value >> 6;
            if (index >= levels_[level].size()) return kNone;
            const std::uint64_t word = levels_[level][index] >> (value & 63);
            if (word != 0) {
                value += static_cast<std::uint32_t>(std::countr_zero(word));
                while (level-- > 0) {
                    value =
                        (value << 6) + static_cast<std::uint32_t>(std::countr_zero(levels_[level][value]));
                }
                return value;
            }
            value = index + 1;
        }
        return kNone;
    }

    // The largest member that is at most `value` (which must be below the bound), or kNone.
    [[nodiscard]] std::uint32_t at_most(std::uint32_t value) const {
        for (std::size_t level = 0; level < levels_.size(); ++level) {
            const std::uint32_t index = value >> 6;
            const std::uint64_t word = levels_[level][index] << (63 - (value & 63));
            if (word != 0) {
                value -= static_cast<std::uint32_t>(std::countl_zero(word));
                while (level-- > 0) {
                    value = (value << 6) + 63 -
                            static_cast<std::uint32_t>(std::countl_zero(levels_[level][value]));
                }
                return value;
            }
            if (index == 0) return kNone;
            value = index - 1;
        }
        return kNone;
    }

  private:
    std::vector<std::vector<std::uint64_t>> levels_;  // from single values up to one word
};

}  // namespace pypack
