// A loss mask: one bit a token, 1 where it is learned; bit i of a byte is 1 << i.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "common/types.hpp"

namespace pypack {

// The bytes of a mask of so many tokens.
[[nodiscard]] inline std::int64_t mask_bytes(std::int64_t tokens) {
    return tokens / 8 + (tokens % 8 != 0 ? 1 : 0);
}

// Bits of a mask, a word at a time. No byte outside of those that hold the bits is read.
class MaskBits {
  public:
    MaskBits(const std::byte* mask, std::int64_t first, std::int64_t size)
        : mask_(mask), first_(first), size_(size) {}

    // Bits from `at` on, at least one and at most 64, in the low bits of `word`; returns how many.
    std::int64_t word(std::int64_t at, std::uint64_t& word) const {
        const std::int64_t bit = first_ + at;
        const std::int64_t shift = bit % 8;
        const std::int64_t count = std::min<std::int64_t>(64 - shift, size_ - at);
        word = 0;
        std::memcpy(&word, mask_ + bit / 8, static_cast<std::size_t>(mask_bytes(shift + count)));
        word >>= shift;
        if (count < 64) word &= (std::uint64_t{1} << count) - 1;
        return count;
    }

    // How many are 1.
    [[nodiscard]] std::int64_t count() const {
        std::int64_t ones = 0;
        for (std::int64_t at = 0; at < size_;) {
            std::uint64_t bits = 0;
            at += word(at, bits);
            ones += std::popcount(bits);
        }
        return ones;
    }

    // Calls visit(begin, end) for the runs of bits that are 0, in order; a run may come in parts.
    template <typename Visit>
    void for_each_zero_run(Visit&& visit) const {
        for (std::int64_t at = 0; at < size_;) {
            std::uint64_t bits = 0;
            const std::int64_t count = word(at, bits);
            std::int64_t place = 0;
            while (place < count) {
                place += std::min<std::int64_t>(std::countr_one(bits >> place), count - place);
                if (place == count) break;
                const std::uint64_t rest = bits >> place;
                const std::int64_t zeros = std::min<std::int64_t>(std::countr_zero(rest), count - place);
                visit(at + place, at + place + zeros);
                place += zeros;
            }
            at += count;
        }
    }

  private:
    const std::byte* mask_;
    std::int64_t first_;
    std::int64_t size_;
};

// The mask of documents, each with `begins` tokens before it that are not learned (whose bit is `begin_bit`)
// and `ends` behind it that are, behind `first_bit` bits (0 to 7) that are 0. `learned` has a byte a token, 0
// or 1; documents i are learned[offsets[i]] .. learned[offsets[i + 1]].
[[nodiscard]] std::vector<std::byte> pack_mask(std::span<const std::uint8_t> learned,
                                               std::span<const Offset> offsets, std::int64_t begins,
                                               std::int64_t ends, std::int64_t first_bit,
                                               std::uint8_t begin_bit = 0);

}  // namespace pypack
