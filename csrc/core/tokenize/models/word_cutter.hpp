// Where a word can be cut without changing its ids.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenize/unicode/utf8.hpp"
#include "tokenize/vocabulary/token_table.hpp"

namespace pypack {

// For byte-pair encoding over bytes. A merge across the border of two characters makes a token that has both
// sides of it in the middle. So where a word holds what no token does, no merge ever crosses; each side is
// merged as if it stood alone, since the next merge on one side is always the first of those that are
// possible there. A long word in a script without spaces falls into short ones, which the cache knows.
//
// Of a token, a border is known by the characters beside it where they are whole, else, where the token
// begins or ends within a character, by the bytes beside it. Both sets are larger than need be (the first is
// a bit per hash), which only costs cuts.
class WordCutter {
  public:
    // tokens: the bytes of every token. exceptions: words with other ids when they stand alone.
    WordCutter(const StringList& tokens, StringList exceptions);
    WordCutter(const WordCutter&) = delete;
    WordCutter& operator=(const WordCutter&) = delete;

    // Where the piece of `word` that begins at byte `from` ends. The first one begins at 0.
    [[nodiscard]] std::size_t end_of_piece(std::string_view word, std::size_t from) const {
        // ASCII first, where a character is a byte.
        std::size_t next = from + 1;
        for (; next < word.size(); ++next) {
            const auto last = static_cast<unsigned char>(word[next - 1]);
            const auto first = static_cast<unsigned char>(word[next]);
            if ((last | first) >= 0x80) break;
            if ((ascii_[last][first / 64] >> first % 64 & 1) == 0) return next;
        }
        std::size_t left = next - 1;
        while (true) {
            std::size_t border = left + 1;
            while (border < word.size() && is_utf8_continuation(word[border])) ++border;
            if (border >= word.size()) return word.size();
            if (!joins(word, left, border)) return border;
            left = border;
        }
    }

    // Where a word has exceptions among its pieces it has to stay whole.
    [[nodiscard]] bool has_exceptions() const { return exceptions_.size() > 0; }
    [[nodiscard]] bool is_exception(std::string_view piece) const {
        const std::size_t at = ends_of(piece);
        return (exception_ends_[at / 64] >> at % 64 & 1) != 0 && exception_table_[piece] != kNoToken;
    }

  private:
    using Bytes = std::uint32_t;  // of one character, the first in the lowest place

    // Up to `most` bytes from `begin` on, a character at most.
    [[nodiscard]] static Bytes bytes_of(std::string_view text, std::size_t begin, std::size_t most) {
        Bytes bytes = static_cast<unsigned char>(text[begin]);
        for (std::size_t i = 1; i < most && begin + i < text.size(); ++i) {
            if (!is_utf8_continuation(text[begin + i])) break;
            bytes |= Bytes{static_cast<unsigned char>(text[begin + i])} << 8 * i;
        }
        return bytes;
    }

    // Whether some token holds the border of the characters that begin at `left` and `border`.
    [[nodiscard]] bool joins(std::string_view word, std::size_t left, std::size_t border) const {
        const auto last = static_cast<unsigned char>(word[border - 1]);
        const auto first = static_cast<unsigned char>(word[border]);
        if ((last | first) < 0x80) return (ascii_[last][first / 64] >> first % 64 & 1) != 0;
        if (border - left > 4) return true;  // not UTF-8
        if ((partial_[last][first / 64] >> first % 64 & 1) != 0) return true;
        const std::size_t at =
            hash(bytes_of(word, left, border - left), bytes_of(word, border, utf8_length(word[border]))) &
            (64 * whole_.size() - 1);
        return (whole_[at / 64] >> at % 64 & 1) != 0;
    }

    static std::size_t hash(Bytes left, Bytes right) { return mix64(std::uint64_t{left} << 32 | right); }
    static std::size_t ends_of(std::string_view piece) {
        return std::size_t{static_cast<unsigned char>(piece.front())} << 8 |
               static_cast<unsigned char>(piece.back());
    }

    void read_token(std::string_view token, std::vector<std::uint64_t>& pairs);

    std::array<std::array<std::uint64_t, 2>, 128> ascii_{};
    std::array<std::array<std::uint64_t, 4>, 256> partial_{};  // by the bytes beside the border
    std::vector<std::uint64_t> whole_;                         // by the hash of the characters beside it
    StringList exceptions_;
    TokenTable exception_table_;
    std::array<std::uint64_t, 1024> exception_ends_{};  // by first and last byte
};

}  // namespace pypack
