// Which characters a vocabulary ever joins: where it joins none, a text can be cut without changing its ids.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenize/unicode/utf8.hpp"
#include "tokenize/vocabulary/token_table.hpp"

namespace pypack {

// A merge across the border of two characters makes a token that holds both, side by side. So where no token
// does, no merge ever crosses. The set is a bit per hash of a pair: a pair too many only costs a cut.
class JoinSet {
  public:
    // Tokens are valid UTF-8, spelled as the words are.
    explicit JoinSet(const StringList& tokens)
        : bits_(std::max<std::size_t>(64, std::bit_ceil(tokens.text.size() * 4) / 64)) {
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            const std::string_view token = tokens[i];
            const char* p = token.data();
            const char* const end = p + token.size();
            if (p == end) continue;
            for (char32_t left = next_code_point(p); p < end;) {
                const char32_t right = next_code_point(p);
                insert(left, right);
                left = right;
            }
        }
    }

    [[nodiscard]] bool contains(char32_t left, char32_t right) const {
        if ((left | right) < 128) return (ascii_[left][right / 64] >> right % 64 & 1) != 0;
        const std::size_t at = hash(left, right) & (64 * bits_.size() - 1);
        return (bits_[at / 64] >> at % 64 & 1) != 0;
    }

  private:
    static std::size_t hash(char32_t left, char32_t right) {
        return (std::uint64_t{left} << 21 | right) * 0x9e3779b97f4a7c15ULL >> 24;
    }

    void insert(char32_t left, char32_t right) {
        if ((left | right) < 128) ascii_[left][right / 64] |= std::uint64_t{1} << right % 64;
        const std::size_t at = hash(left, right) & (64 * bits_.size() - 1);
        bits_[at / 64] |= std::uint64_t{1} << at % 64;
    }

    std::array<std::array<std::uint64_t, 2>, 128> ascii_{};
    std::vector<std::uint64_t> bits_;
};

}  // namespace pypack
