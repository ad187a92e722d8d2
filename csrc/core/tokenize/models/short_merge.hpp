// Byte-pair encoding of a short word: merge the adjacent pair of lowest rank, the leftmost of several, until
// no pair of the table is left.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "common/simd.hpp"
#include "common/types.hpp"
#include "tokenize/models/merge_table.hpp"

namespace pypack {

// A word of up to kMaxSymbols symbols on its way. A step is one merge, and ends where the next has to wait
// for the merge table: the steps of several words taken in turn hide those waits. What is left of the time
// are mispredicted branches, so there are few: the ends of the word have neighbours that merge with nothing,
// and the lowest rank is looked for in groups of a fixed size.
class ShortMerge {
  public:
    static constexpr std::size_t kMaxSymbols = 62;
    // Merges whose ranks fit beside a place in a key.
    static constexpr std::size_t kMaxMerges = (std::size_t{1} << 25) - 1;

    ShortMerge() { symbols_.front() = symbols_.back() = 0xFFFFFFFF; }

    // Of a word whose symbols are symbol_of(0) to symbol_of(size - 1); size is 2 to kMaxSymbols.
    template <typename SymbolOf>
    void begin(const MergeTable& table, std::size_t size, SymbolOf&& symbol_of) {
        begin_at(size);
        state_ = State::kNotLookedUp;
        for (std::size_t i = 0; i < size; ++i) symbols_[i + 1] = symbol_of(i);
        for (unsigned at = 1; at < size_; ++at) table.prefetch({symbols_[at], symbols_[at + 1]});
    }

    // The same where pair_of(i) knows what symbols i and i + 1 merge to.
    template <typename SymbolOf, typename PairOf>
    void begin(std::size_t size, SymbolOf&& symbol_of, PairOf&& pair_of) {
        begin_at(size);
        state_ = State::kLookedUp;
        symbols_[1] = symbol_of(0);
        for (unsigned at = 1; at < size_; ++at) {
            symbols_[at + 1] = symbol_of(at);
            set(at, pair_of(at - 1));
        }
    }

    // False when nothing is left to merge.
    [[nodiscard]] PYPACK_INLINE bool step(const MergeTable& table) {
        if (state_ == State::kMerging) [[likely]] {
            set(left_, table[{symbols_[left_], symbols_[middle_]}]);
            set(middle_, table[{symbols_[middle_], symbols_[right_]}]);
        } else {
            if (state_ == State::kNotLookedUp) {
                for (unsigned at = 1; at < size_; ++at) set(at, table[{symbols_[at], symbols_[at + 1]}]);
            }
            state_ = State::kMerging;
        }
        const std::int32_t best = lowest_key();
        if (best >= kNoKey) return false;
        middle_ = static_cast<unsigned>(best) % kPlaces;
        symbols_[middle_] = results_[middle_];
        const unsigned gone = next(middle_);
        begins_ &= ~(std::uint64_t{1} << gone);
        keys_[gone] = kNoKey;
        left_ = previous(middle_);
        right_ = next(middle_);
        table.prefetch({symbols_[left_], symbols_[middle_]});
        table.prefetch({symbols_[middle_], symbols_[right_]});
        return true;
    }

    // Copies the symbols that are left to `out`, and returns their number.
    std::size_t finish(TokenId* out) const {
        std::size_t count = 0;
        for_each_symbol([&](TokenId symbol, std::size_t) { out[count++] = symbol; });
        return count;
    }

    // Calls visit(symbol, the symbols of the word before it) for the symbols that are left.
    template <typename Visit>
    void for_each_symbol(Visit&& visit) const {
        for (std::uint64_t rest = begins_ & ~kEnds; rest != 0; rest &= rest - 1) {
            const auto at = static_cast<unsigned>(__builtin_ctzll(rest));
            visit(symbols_[at], at - 1);
        }
    }

  private:
    // Symbols have the places from 1 on; the first and the last place are beyond the ends of the word.
    static constexpr unsigned kPlaces = 64;
    enum class State : std::uint8_t { kNotLookedUp, kLookedUp, kMerging };  // its first pairs
    static constexpr std::uint64_t kEnds = std::uint64_t{1} << (kPlaces - 1) | 1;
    static constexpr std::size_t kGroup = 16;
    static constexpr std::int32_t kNoKey = kMaxMerges * kPlaces;

    void begin_at(std::size_t size) {
        size_ = static_cast<unsigned>(size);
        begins_ = kEnds | ((std::uint64_t{2} << size) - 2);
        for (unsigned i = 0; i < kGroup; ++i) keys_[size_ + i] = kNoKey;
    }

    PYPACK_INLINE void set(unsigned at, MergeTable::Merged merged) {
        const auto rank = std::min(merged.rank, static_cast<std::uint32_t>(kMaxMerges));
        keys_[at] = static_cast<std::int32_t>(rank * kPlaces + at);
        results_[at] = merged.result;
    }

    [[nodiscard]] PYPACK_INLINE std::int32_t lowest_key() const {
        std::int32_t lowest = kNoKey;
        for (std::size_t begin = 1; begin < size_; begin += kGroup) {
            const std::int32_t* const keys = keys_.data() + begin;
            for (std::size_t i = 0; i < kGroup; ++i) lowest = std::min(lowest, keys[i]);
        }
        return lowest;
    }

    // Where the symbols beside the one at `at` begin.
    [[nodiscard]] PYPACK_INLINE unsigned next(unsigned at) const {
        return static_cast<unsigned>(__builtin_ctzll(begins_ & ~std::uint64_t{1} << at));
    }
    [[nodiscard]] PYPACK_INLINE unsigned previous(unsigned at) const {
        return 63 - static_cast<unsigned>(__builtin_clzll(begins_ & ((std::uint64_t{1} << at) - 1)));
    }

    unsigned size_ = 0;
    // The symbol that came of the last merge, and those beside it: their pairs are to be looked up.
    unsigned left_ = 0, middle_ = 0, right_ = 0;
    State state_ = State::kNotLookedUp;
    std::uint64_t begins_ = 0;  // of the places where a symbol begins, and of the ends
    // Of the pair that begins at a place: its rank and the place, and what it merges to.
    std::array<std::int32_t, kPlaces + kGroup> keys_;
    std::array<TokenId, kPlaces> results_;
    std::array<TokenId, kPlaces> symbols_;
};

// Takes steps of the words in `lanes` in turn until one of them has nothing left to merge; says which.
[[nodiscard]] std::size_t merge_until_done(const MergeTable& table, std::span<ShortMerge* const> lanes);

}  // namespace pypack
