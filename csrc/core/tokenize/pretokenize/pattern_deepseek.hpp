// \p{N}{1,3}, then [一-龥぀-ゟ゠-ヿ]+, then on each of the pieces
// [!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|
// ?[\p{P}\p{S}]+[\r\n]*|
// \s*[\r\n]+|\s+(?!\S)|\s+
// where text that nothing matches is a word too.
#pragma once

#include "tokenize/pretokenize/pattern_chars.hpp"
#include "tokenize/pretokenize/pattern_windows.hpp"

namespace pypack::patterns {

struct DeepSeekV3 {
    static constexpr WideClasses kWide = kNoWideCharacters;
    static constexpr CategorySet kWord = unicode::kLetter | unicode::kMark;
    static constexpr CategorySet kSign = unicode::kPunctuation | unicode::kSymbol;

    enum class Piece { kText, kNumber, kKanaOrHan };

    static Piece piece_of(const Char& c) {
        if (c.is(unicode::kNumber)) return Piece::kNumber;
        const bool in_range = (c.code_point >= 0x4E00 && c.code_point <= 0x9FA5) ||
                              (c.code_point >= 0x3040 && c.code_point <= 0x30FF);
        return in_range ? Piece::kKanaOrHan : Piece::kText;
    }

    // The character at position, where it belongs to the piece; else one of size 0 and of no category.
    static Char char_in(Piece piece, std::string_view text, std::size_t position) {
        if (position < text.size()) {
            const Char c = char_at(text, position);
            if (piece_of(c) == piece) return c;
        }
        return {0, 0, 0};
    }

    static std::size_t run_end_in(Piece piece, std::string_view text, std::size_t position, CategorySet set) {
        for (;;) {
            const Char c = char_in(piece, text, position);
            if (!c.is(set)) return position;
            position += c.size;
        }
    }

    static bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

    static bool is_ascii_sign(const Char& c) { return c.code_point < 0x80 && c.is(kSign); }

    // The end of \s*[\r\n]+|\s+(?!\S)|\s+ from a whitespace character on.
    static std::size_t blank_end(Piece piece, std::string_view text, std::size_t position) {
        std::size_t last = position;
        std::size_t end = position;
        std::size_t behind_newline = 0;
        for (;;) {
            const Char c = char_in(piece, text, end);
            if (!c.is(unicode::kSpace)) {
                if (behind_newline != 0) return behind_newline;
                return c.size == 0 || last == position ? end : last;
            }
            last = end;
            end += c.size;
            if (c.is_newline()) behind_newline = end;
        }
    }

    static std::size_t next(std::string_view text, std::size_t position) {
        const Char c = char_at(text, position);
        const Piece piece = piece_of(c);
        if (piece == Piece::kNumber) return digits_end(text, position, 3);
        std::size_t second = position + c.size;
        if (is_ascii_sign(c) && second < text.size() && is_ascii_letter(text[second])) {
            while (second < text.size() && is_ascii_letter(text[second])) ++second;
            return second;
        }
        if (c.is(kWord)) return run_end_in(piece, text, second, kWord);
        if (!c.is(kSign) && !c.is_newline()) {
            const std::size_t end = run_end_in(piece, text, second, kWord);
            if (end != second) return end;
        }
        const std::size_t signs = c.code_point == ' ' ? second : position;
        const std::size_t end = run_end_in(piece, text, signs, kSign);
        if (end != signs) return piece == Piece::kText ? newlines_end(text, end, false) : end;
        if (c.is(unicode::kSpace)) return blank_end(piece, text, position);
        // Nothing matches here: the word ends where something does.
        for (;;) {
            const Char unmatched = char_in(piece, text, second);
            if (unmatched.size == 0 || unmatched.is(kWord | kSign | unicode::kSpace)) return second;
            if (char_in(piece, text, second + unmatched.size).is(kWord)) return second;
            second += unmatched.size;
        }
    }

    static PYPACK_INLINE std::uint64_t starts(const Window& window) {
        const AsciiMasks& m = window.masks;
        const std::uint64_t letter = window.letter();
        const std::uint64_t control = window.control();
        const std::uint64_t sign = window.other() & ~control;
        const std::uint64_t taken = runs_from(m.newline, (sign << 1) & m.newline);
        const std::uint64_t white = m.white & ~taken;
        const std::uint64_t newline = m.newline & ~taken;
        const std::uint64_t sign_starts = first_of_runs(sign) & ~(m.space << 1);
        const std::uint64_t lone = sign_starts & ~(sign >> 1);
        const std::uint64_t prefix = (white & ~newline) | lone | control;
        // A digit ends the piece, and with it a run of whitespace.
        std::uint64_t starts = line_starts(white, newline, letter | sign | control) | sign_starts;
        starts |= first_of_runs(control) | (control & (letter >> 1));
        starts |= first_of_runs(letter) & ~(prefix << 1);
        return starts | triplet_starts(m.digit);
    }
};

}  // namespace pypack::patterns
