// Punctuation(contiguous), GPT-2's pattern, Digits on the bytes that its words are made of, [0-9][0-9][0-9].
#pragma once

#include "tokenize/pretokenize/pattern_gpt2_pieces.hpp"
#include "tokenize/pretokenize/pattern_windows.hpp"

namespace pypack::patterns {

// Digits comes behind ByteLevel here, and sees bytes in GPT-2's alphabet, where B2, B3, B9, BC, BD and BE
// stand for the numeric characters ²³¹¼½¾: characters are cut in the middle. A position may lie inside one.
struct Falcon {
    static constexpr auto kPunct = unicode::Trait::kPunct;
    static constexpr WideClasses kWide = kNoWideCharacters;

    static bool is_punct(const Char& c) { return unicode::has_trait(c.code_point, kPunct); }

    static bool is_ascii_digit(char byte) { return byte >= '0' && byte <= '9'; }

    static bool is_numeric(char byte) {
        return is_ascii_digit(byte) || byte == '\xB2' || byte == '\xB3' || byte == '\xB9' ||
               (byte >= '\xBC' && byte <= '\xBE');
    }

    // The end of the cut from `position` on in a word without blanks; `character` holds the position.
    static std::size_t cut_end(std::string_view text, std::size_t position, std::size_t character) {
        Char c = char_at(text, character);
        const bool punct = is_punct(c);
        const CategorySet set = punct                    ? ~CategorySet{0}
                                : c.is(unicode::kLetter) ? unicode::kLetter
                                : c.is(unicode::kNumber) ? unicode::kNumber
                                                         : ~kNotOther;
        const bool numeric = is_numeric(text[position]);
        std::size_t at = position;
        unsigned digits = 0;
        for (;;) {
            for (const std::size_t end = character + c.size; at < end; ++at) {
                if (is_numeric(text[at]) != numeric) return at;
                digits = is_ascii_digit(text[at]) ? digits + 1 : 0;
                if (digits == 3) return at - 2 == position ? at + 1 : at - 2;
            }
            if (at == text.size()) return at;
            character = at;
            c = char_at(text, character);
            if (is_punct(c) != punct || !c.is(set)) return at;
        }
    }

    static std::size_t next(std::string_view text, std::size_t position) {
        std::size_t character = position;
        while (is_utf8_continuation(text[character])) --character;
        const Char c = char_at(text, character);
        // No whitespace holds a numeric byte: it is never cut.
        if (!c.is(unicode::kSpace)) return cut_end(text, position, character);
        if (c.code_point == ' ' && position + 1 < text.size()) {
            const Char second = char_at(text, position + 1);
            if (!second.is(unicode::kSpace) && !is_punct(second)) {
                return is_numeric(text[position + 1]) ? position + 1
                                                      : cut_end(text, position + 1, position + 1);
            }
        }
        return space_end_before<kPunct>(text, position);
    }

    static PYPACK_INLINE std::uint64_t starts(const Window& window) {
        const AsciiMasks& m = window.masks;
        const std::uint64_t letter = window.letter();
        const std::uint64_t control = window.control();
        const std::uint64_t punct = window.other() & ~control;
        std::uint64_t starts = (first_of_runs(letter) | first_of_runs(control)) & ~(m.space << 1);
        starts |= first_of_runs(punct) | triplet_starts(m.digit) | first_of_runs(m.white);
        return starts | (m.white & ((letter | m.digit | control) >> 1));
    }
};

}  // namespace pypack::patterns
