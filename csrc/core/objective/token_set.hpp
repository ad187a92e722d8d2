// A set of token ids: one bit an id, from about the smallest to the largest.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pypack {

class TokenSet {
  public:
    TokenSet() = default;
    explicit TokenSet(std::span<const std::uint32_t> ids) {
        if (ids.empty()) return;
        first_ = *std::min_element(ids.begin(), ids.end()) / 64 * 64;
        bits_.resize((*std::max_element(ids.begin(), ids.end()) - first_) / 64 + 1);
        for (const std::uint32_t id : ids) {
            bits_[(id - first_) / 64] |= std::uint64_t{1} << (id % 64);
        }
    }

    bool operator==(const TokenSet&) const = default;

    // Special tokens lie together: most ids are outside of their range, which is a branch that never
    // misleads.
    template <typename Id>
    [[nodiscard]] bool contains(Id id) const {
        const std::uint64_t number = static_cast<std::uint64_t>(id) - first_;
        if (number / 64 >= bits_.size()) return false;
        return (bits_[number / 64] >> (number % 64) & 1U) != 0;
    }

    [[nodiscard]] std::uint64_t first() const { return first_; }
    // Ids from the first on that it may contain.
    [[nodiscard]] std::uint64_t size() const { return 64 * bits_.size(); }
    // A bit for each of these.
    [[nodiscard]] std::span<const std::uint64_t> bits() const { return bits_; }

    // What it contains lies among the ids `begin` + n with n below `size`, in arithmetic of 64 bits or of 32:
    // they may begin anew at 0.
    struct Range {
        std::uint64_t begin;
        std::uint64_t size;
    };
    // A range with few ids of a vocabulary: special tokens often are its first and its last ones, and that is
    // believed where its size is not known, 0.
    [[nodiscard]] Range range(std::uint64_t vocab_size) const;

  private:
    std::uint64_t first_ = 0;
    std::vector<std::uint64_t> bits_;
};

// A set with a byte an id, for when all tokens of a text are asked: to shift eight bytes together takes half
// as long as to gather eight words of bits.
class TokenFlags {
  public:
    explicit TokenFlags(const TokenSet& set);

    // Bit i is 1 where the set contains tokens[i], for the first `count` tokens, at most 64; the other bits
    // are 0. The tokens are ids, none negative.
    template <typename Token>
    [[nodiscard]] std::uint64_t contained(const Token* tokens, std::int64_t count) const;

  private:
    std::vector<std::uint8_t>
        flags_;  // at least one for each of sixteen bits; the last stands for all behind
};

}  // namespace pypack
