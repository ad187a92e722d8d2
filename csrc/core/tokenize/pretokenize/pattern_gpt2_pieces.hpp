// GPT-2's pattern on the pieces that an earlier pretokenizer has cut a text into, in one pass: what a piece
// ends at, GPT-2's lookahead sees as the end of the text.
#pragma once

#include "tokenize/pretokenize/pattern_chars.hpp"

namespace pypack::patterns {

// The end of the run of [^\s\p{L}\p{N}] from position on, in a text that ends before the next kStop.
template <unicode::Trait kStop>
[[nodiscard]] inline std::size_t other_run_end(std::string_view text, std::size_t position) {
    while (position < text.size()) {
        const Char c = char_at(text, position);
        if (c.is(kNotOther) || unicode::has_trait(c.code_point, kStop)) break;
        position += c.size;
    }
    return position;
}

// space_end, in a text that ends before the next kStop.
template <unicode::Trait kStop>
[[nodiscard]] inline std::size_t space_end_before(std::string_view text, std::size_t position) {
    std::size_t last = position;
    std::size_t end = position;
    while (end < text.size()) {
        const Char c = char_at(text, end);
        if (!c.is(unicode::kSpace)) {
            if (unicode::has_trait(c.code_point, kStop)) return end;
            break;
        }
        last = end;
        end += c.size;
    }
    return end == text.size() || last == position ? end : last;
}

}  // namespace pypack::patterns
