// The merges of a byte-pair encoding: which pair of symbols becomes which symbol, and in what order.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "common/types.hpp"

namespace pypack {

inline constexpr std::uint32_t kNoRank = 0xFFFFFFFF;

// Pair → rank; the rank is the pair's place in the list of merges, lower ranks are merged first.
class MergeTable {
  public:
    // merges[rank] = {left, right, result}. Of equal pairs the last counts, as in `tokenizers`.
    struct Merge {
        TokenId left;
        TokenId right;
        TokenId result;
    };

    explicit MergeTable(const std::vector<Merge>& merges)
        : filter_(std::bit_ceil(16 * merges.size() + 64) / 64),
          shift_(64 - static_cast<int>(std::bit_width(2 * merges.size() + 2))),
          slots_(std::size_t{1} << (64 - shift_)) {
        results_.reserve(merges.size());
        for (std::uint32_t rank = 0; rank < merges.size(); ++rank) {
            const Merge& merge = merges[rank];
            slots_[find(merge.left, merge.right)] = {key(merge.left, merge.right), rank};
            results_.push_back(merge.result);
            const std::uint64_t hash = hash_of(merge.left, merge.right);
            filter_[filter_word(hash)] |= std::uint64_t{1} << (hash & 63);
        }
    }

    // kNoRank where the two do not merge.
    [[nodiscard]] std::uint32_t rank(TokenId left, TokenId right) const {
        // Most pairs do not merge, and one bit says so for nine in ten of them: 16 bits a merge stay in a
        // nearer cache than 32 bytes do.
        const std::uint64_t hash = hash_of(left, right);
        if ((filter_[filter_word(hash)] >> (hash & 63) & 1) == 0) return kNoRank;
        return slots_[find(left, right)].rank;
    }

    [[nodiscard]] TokenId result(std::uint32_t rank) const { return results_[rank]; }
    [[nodiscard]] std::size_t size() const { return results_.size(); }

  private:
    struct Slot {
        std::uint64_t key = ~std::uint64_t{0};
        std::uint32_t rank = kNoRank;
    };

    static std::uint64_t hash_of(TokenId left, TokenId right) {
        const std::uint64_t product = key(left, right) * 0x9e3779b97f4a7c15ULL;
        return product ^ product >> 29;
    }

    [[nodiscard]] std::size_t filter_word(std::uint64_t hash) const {
        return hash >> 6 & (filter_.size() - 1);
    }

    static std::uint64_t key(TokenId left, TokenId right) { return std::uint64_t{left} << 32 | right; }

    [[nodiscard]] std::size_t find(TokenId left, TokenId right) const {
        const std::uint64_t wanted = key(left, right);
        std::size_t at = wanted * 0x9e3779b97f4a7c15ULL >> shift_;
        while (slots_[at].key != wanted && slots_[at].rank != kNoRank) at = (at + 1) & (slots_.size() - 1);
        return at;
    }

    std::vector<std::uint64_t> filter_;
    int shift_;
    std::vector<Slot> slots_;
    std::vector<TokenId> results_;
};

}  // namespace pypack
