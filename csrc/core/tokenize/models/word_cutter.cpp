#include "tokenize/models/word_cutter.hpp"

#include <algorithm>
#include <bit>

namespace pypack {

WordCutter::WordCutter(const StringList& tokens, StringList exceptions)
    : exceptions_(std::move(exceptions)), exception_table_(exceptions_) {
    std::vector<std::uint64_t> pairs;
    for (std::size_t i = 0; i < tokens.size(); ++i) read_token(tokens[i], pairs);
    std::sort(pairs.begin(), pairs.end());
    pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
    whole_.resize(std::max<std::size_t>(1, std::bit_ceil(16 * pairs.size()) / 64));
    for (const std::uint64_t pair : pairs) {
        const std::size_t at =
            hash(static_cast<Bytes>(pair >> 32), static_cast<Bytes>(pair)) & (64 * whole_.size() - 1);
        whole_[at / 64] |= std::uint64_t{1} << at % 64;
    }
    for (std::uint32_t i = 0; i < exceptions_.size(); ++i) {
        exception_table_.insert(i, i);
        const std::size_t at = ends_of(exceptions_[i]);
        exception_ends_[at / 64] |= std::uint64_t{1} << at % 64;
    }
}

// Notes the borders of a token; those of whole characters, unless both are ASCII, go to `pairs`.
void WordCutter::read_token(std::string_view token, std::vector<std::uint64_t>& pairs) {
    bool left_is_whole = !token.empty() && !is_utf8_continuation(token[0]);
    for (std::size_t left = 0; left < token.size();) {
        std::size_t border = left + 1;
        while (border < token.size() && is_utf8_continuation(token[border])) ++border;
        if (border >= token.size()) return;
        const auto last = static_cast<unsigned char>(token[border - 1]);
        const auto first = static_cast<unsigned char>(token[border]);
        // Of the character behind the border all that a word is asked for, or the next one begins.
        std::size_t end = border + 1;
        while (end < token.size() && is_utf8_continuation(token[end])) ++end;
        const bool right_is_whole = end < token.size() || end - border >= utf8_length(token[border]);
        if (!left_is_whole || !right_is_whole) {
            partial_[last][first / 64] |= std::uint64_t{1} << first % 64;
        } else if ((last | first) < 0x80) {
            ascii_[last][first / 64] |= std::uint64_t{1} << first % 64;
        } else if (border - left <= 4) {
            pairs.push_back(std::uint64_t{bytes_of(token, left, border - left)} << 32 |
                            bytes_of(token, border, utf8_length(token[border])));
        }
        left = border;
        left_is_whole = true;
    }
}

}  // namespace pypack
