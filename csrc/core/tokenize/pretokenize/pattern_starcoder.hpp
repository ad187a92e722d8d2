// Digits(individual_digits=true), then GPT-2's pattern on what lies between the digits.
#pragma once

#include "tokenize/pretokenize/pattern_gpt2_pieces.hpp"
#include "tokenize/pretokenize/pattern_windows.hpp"

namespace pypack::patterns {

// StarCoder, SmolLM, Command R. A digit is what char::is_numeric of Rust says, which knows newer characters
// than the regexes; no letter or whitespace is one.
struct StarCoder {
    static constexpr auto kDigit = unicode::Trait::kNumeric;
    // Digits are numbers, or unassigned to the regexes.
    static constexpr WideClasses kWide{
        0, unicode::kLetter, 0,
        unicode::kNumber | unicode::kSpace | unicode::category_set(unicode::Category::kCn), false};

    static std::size_t next(std::string_view text, std::size_t position) {
        if (text[position] == '\'') {
            const std::size_t size = contraction_size(text, position + 1, Case::kSensitive);
            if (size != 0) return position + 1 + size;
        }
        Char c = char_at(text, position);
        if (unicode::has_trait(c.code_point, kDigit)) return position + c.size;
        std::size_t first = position;
        if (text[position] == ' ' && position + 1 < text.size()) {
            const Char second = char_at(text, position + 1);
            if (!unicode::has_trait(second.code_point, kDigit)) {
                ++first;
                c = second;
            }
        }
        if (c.is(unicode::kSpace)) return space_end_before<kDigit>(text, position);
        if (c.is(unicode::kLetter)) return run_end(text, first + c.size, unicode::kLetter);
        return other_run_end<kDigit>(text, first + c.size);
    }

    static PYPACK_INLINE std::uint64_t starts(const Window& window) {
        const AsciiMasks& m = window.masks;
        const std::uint64_t letter = window.letter();
        const std::uint64_t other = window.other();
        const std::uint64_t runs = first_of_runs(letter) | first_of_runs(other);
        std::uint64_t starts = (runs & ~(m.space << 1)) | m.digit;
        starts |= first_of_runs(m.white) | (m.white & ((letter | other) >> 1));
        return with_contractions(window, starts);
    }
};

}  // namespace pypack::patterns
