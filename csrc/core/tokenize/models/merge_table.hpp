// The merges of a byte-pair encoding: which pair of symbols becomes which symbol, and in what order.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "common/buffer.hpp"
#include "common/prefetch.hpp"
#include "common/simd.hpp"
#include "common/types.hpp"

namespace pypack {

inline constexpr std::uint32_t kNoRank = 0xFFFFFFFF;

// Pair → rank and result; the rank is the pair's place in the list of merges, lower ranks are merged first. A
// look-up costs one cache line, nearly always. A filter in front of the table, which says for most pairs that
// they do not merge and stays in a near cache, was as fast for small tables and slower for large ones.
class MergeTable {
  public:
    struct Pair {
        TokenId left;
        TokenId right;
    };
    // kNoRank where the two do not merge.
    struct Merged {
        std::uint32_t rank = kNoRank;
        TokenId result = 0;
    };
    struct Merge {
        Pair pair;
        TokenId result;
    };

    // merges in order of rank. Of equal pairs the last counts, as in `tokenizers`.
    explicit MergeTable(const std::vector<Merge>& merges)
        : num_merges_(merges.size()),
          lines_(static_cast<std::int64_t>(std::bit_ceil(merges.size() / 2 + 1))) {
        for (Line& line : lines_.view()) line = Line{};
        constexpr std::uint32_t kAhead = 16;  // lines that are on their way from memory meanwhile
        for (std::uint32_t rank = 0; rank < merges.size(); ++rank) {
            if (rank + kAhead < merges.size()) prefetch(merges[rank + kAhead].pair);
            insert(merges[rank].pair, {rank, merges[rank].result});
        }
        find_order(merges);
    }

    // Whether what this merge makes takes part in merges of no higher rank: not where training has made the
    // list.
    [[nodiscard]] bool is_out_of_order(std::uint32_t rank) const { return out_of_order_[rank]; }

    [[nodiscard]] std::size_t size() const { return num_merges_; }

    void prefetch(Pair pair) const { pypack::prefetch(&lines_[line_of(hash_of(key_of(pair)))]); }

    [[nodiscard]] PYPACK_INLINE Merged operator[](Pair pair) const {
        const std::uint64_t key = key_of(pair);
        for (std::int64_t at = line_of(hash_of(key));; at = (at + 1) & (lines_.size() - 1)) {
            const Line& line = lines_[at];
            // All four are compared, and the outcome is one number: a branch on each would often be
            // mispredicted.
            unsigned found = unsigned{line.keys[Line::kSlots - 1] == kNoKey} << Line::kSlots;
            for (unsigned i = 0; i < Line::kSlots; ++i) found |= unsigned{line.keys[i] == key} << i;
            if (found != 0) [[likely]] {
                // The slot behind the last one says that there is none.
                const auto slot = static_cast<unsigned>(__builtin_ctz(found));
                const std::uint32_t none = 0U - slot / Line::kSlots;
                return {line.ranks[slot % Line::kSlots] | none, line.results[slot % Line::kSlots]};
            }
        }
    }

  private:
    static constexpr std::uint64_t kNoKey = ~std::uint64_t{0};

    struct alignas(64) Line {
        static constexpr unsigned kSlots = 4;

        std::array<std::uint64_t, kSlots> keys{kNoKey, kNoKey, kNoKey, kNoKey};  // filled from the front
        std::array<std::uint32_t, kSlots> ranks{};
        std::array<TokenId, kSlots> results{};
    };

    static std::uint64_t key_of(Pair pair) { return std::uint64_t{pair.left} << 32 | pair.right; }

    static std::uint64_t hash_of(std::uint64_t key) {
        const std::uint64_t product = key * 0x9e3779b97f4a7c15ULL;
        return product ^ product >> 32;
    }

    [[nodiscard]] std::int64_t line_of(std::uint64_t hash) const {
        return static_cast<std::int64_t>(hash & static_cast<std::uint64_t>(lines_.size() - 1));
    }

    void find_order(const std::vector<Merge>& merges) {
        TokenId highest = 0;
        for (const Merge& merge : merges) highest = std::max(highest, merge.result);
        std::vector<bool> is_part(merges.empty() ? 0 : std::size_t{highest} + 1);
        out_of_order_.reserve(merges.size());
        for (const Merge& merge : merges) {
            for (const TokenId part : {merge.pair.left, merge.pair.right}) {
                if (part <= highest) is_part[part] = true;
            }
            out_of_order_.push_back(is_part[merge.result]);
        }
    }

    void insert(Pair pair, Merged merged) {
        const std::uint64_t key = key_of(pair);
        const std::uint64_t hash = hash_of(key);
        for (std::int64_t at = line_of(hash);; at = (at + 1) & (lines_.size() - 1)) {
            Line& line = lines_[at];
            for (std::size_t i = 0; i < Line::kSlots; ++i) {
                if (line.keys[i] != key && line.keys[i] != kNoKey) continue;
                line.keys[i] = key;
                line.ranks[i] = merged.rank;
                line.results[i] = merged.result;
                return;
            }
        }
    }

    std::size_t num_merges_;
    Buffer<Line> lines_;
    std::vector<bool> out_of_order_;  // by rank
};

}  // namespace pypack
