// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
#pragma once

#include "tokenize/pretokenize/pattern_chars.hpp"
#include "tokenize/pretokenize/pattern_windows.hpp"

namespace pypack::patterns {

struct Gpt2 {
    static constexpr WideClasses kWide{0, unicode::kLetter, unicode::kNumber, unicode::kSpace, false};

    // The end of the match that starts at position.
    static std::size_t next(std::string_view text, std::size_t position) {
        if (text[position] == '\'') {
            const std::size_t size = contraction_size(text, position + 1, Case::kSensitive);
            if (size != 0) return position + 1 + size;
        }
        std::size_t first = position;
        if (text[position] == ' ' && position + 1 < text.size()) ++first;
        const Char c = char_at(text, first);
        if (c.is(unicode::kLetter)) return run_end(text, first + c.size, unicode::kLetter);
        if (c.is(unicode::kNumber)) return run_end(text, first + c.size, unicode::kNumber);
        if (!c.is(unicode::kSpace)) return run_end(text, first + c.size, ~kNotOther);
        return space_end(text, position);
    }

    // The starts of all matches in a window.
    static PYPACK_INLINE std::uint64_t starts(const Window& window) {
        const AsciiMasks& m = window.masks;
        const std::uint64_t letter = window.letter();
        const std::uint64_t other = window.other();
        const std::uint64_t solid = letter | m.digit | other;
        const std::uint64_t runs = first_of_runs(letter) | first_of_runs(m.digit) | first_of_runs(other);
        std::uint64_t starts = runs & ~(m.space << 1);
        starts |= first_of_runs(m.white) | (m.white & (solid >> 1));
        return with_contractions(window, starts);
    }
};

}  // namespace pypack::patterns
