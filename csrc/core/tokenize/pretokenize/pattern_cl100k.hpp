// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,max_digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|
// \s*[\r\n]+|\s+(?!\S)|\s+
// or with [\p{L}\p{M}]+ for \p{L}+ and without the marks in [^\s\p{L}\p{N}]+.
#pragma once

#include "tokenize/pretokenize/pattern_chars.hpp"
#include "tokenize/pretokenize/pattern_windows.hpp"

namespace pypack::patterns {

// max_digits 3 is cl100k, Llama 3 and OLMo 2; 2 is nanochat; 1 is Qwen 2; 1 with words of letters and marks
// is Qwen 3.5.
template <unsigned max_digits, CategorySet word = unicode::kLetter>
struct Cl100k {
    static constexpr WideClasses kWide{0, word, 0, unicode::kNumber | unicode::kSpace, true};

    static std::size_t next(std::string_view text, std::size_t position) {
        if (text[position] == '\'') {
            const std::size_t size = contraction_size(text, position + 1, Case::kFolded);
            if (size != 0) return position + 1 + size;
        }
        const Char c = char_at(text, position);
        const std::size_t second = position + c.size;
        if (c.is(word)) return run_end(text, second, word);
        if (c.is(unicode::kNumber)) return digits_end(text, position, max_digits);
        if (!c.is_newline()) {
            const std::size_t end = run_end(text, second, word);
            if (end != second) return end;
        }
        const std::size_t end = other_end(text, position, word | kNotOther);
        if (end != position) return newlines_end(text, end, false);
        return line_or_space_end(text, position);
    }

    static PYPACK_INLINE std::uint64_t starts(const Window& window) {
        const AsciiMasks& m = window.masks;
        const std::uint64_t letter = window.letter();
        const std::uint64_t other = window.other();
        const std::uint64_t taken = runs_from(m.newline, (other << 1) & m.newline);
        const std::uint64_t white = m.white & ~taken;
        const std::uint64_t newline = m.newline & ~taken;
        const std::uint64_t other_starts = first_of_runs(other) & ~(m.space << 1);
        // One character may stand before letters: a blank, or a mark that starts a match.
        const std::uint64_t prefix = (white & ~newline) | characters_at(window, other_starts);
        std::uint64_t starts = line_starts(white, newline, letter | m.digit | other) | other_starts;
        starts |= first_of_runs(letter) & ~(prefix << 1);
        starts |= max_digits == 1   ? m.digit
                  : max_digits == 2 ? pair_starts(m.digit)
                                    : triplet_starts(m.digit);
        std::uint64_t contractions = m.apostrophe & other_starts & (letter >> 1);
        for (; contractions != 0; contractions &= contractions - 1) {
            const auto at = static_cast<unsigned>(__builtin_ctzll(contractions));
            const unsigned size = contraction_at(window, at, 0x20);
            if (size != 0) starts |= bit_at(at + 1 + size) & letter;
        }
        return starts;
    }
};

}  // namespace pypack::patterns
