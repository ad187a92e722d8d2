// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|
// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|
// \p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
#pragma once

#include "tokenize/pretokenize/pattern_chars.hpp"
#include "tokenize/pretokenize/pattern_windows.hpp"

namespace pypack::patterns {

// max_digits 3 with contractions is o200k, Llama 4 and gpt-oss; 1 without is Mistral's tekken and Nemotron.
template <unsigned max_digits, bool has_contractions>
struct O200k {
    static constexpr CategorySet kCaseless =
        unicode::kModifierLetter | unicode::kOtherLetter | unicode::kMark;
    static constexpr CategorySet kUpper = unicode::kUppercase | unicode::kTitlecase | kCaseless;
    static constexpr CategorySet kLower = unicode::kLowercase | kCaseless;
    static constexpr WideClasses kWide{unicode::kUppercase, unicode::kLowercase, 0,
                                       unicode::kNumber | unicode::kSpace | unicode::kTitlecase | kCaseless,
                                       true};

    // The end of kUpper*kLower+ at first, or of kUpper+ where `lower_needed` is false; 0 for no match. A
    // regex gives back characters of kUpper* one by one until kLower+ has one: the last caseless one of the
    // run.
    static std::size_t word_end(std::string_view text, std::size_t first, bool lower_needed) {
        std::size_t end = first;
        std::size_t behind_caseless = 0;
        while (end < text.size()) {
            const Char c = char_at(text, end);
            if (!c.is(kUpper)) break;
            end += c.size;
            if (c.is(kCaseless)) behind_caseless = end;
        }
        const std::size_t lower_end = run_end(text, end, kLower);
        if (lower_end != end) return lower_end;
        return lower_needed ? behind_caseless : (end == first ? 0 : end);
    }

    static std::size_t next(std::string_view text, std::size_t position) {
        const Char c = char_at(text, position);
        const bool may_be_prefix = !c.is(unicode::kLetter | unicode::kNumber) && !c.is_newline();
        for (const bool lower_needed : {true, false}) {
            std::size_t end = may_be_prefix ? word_end(text, position + c.size, lower_needed) : 0;
            if (end == 0) end = word_end(text, position, lower_needed);
            if (end == 0) continue;
            if (has_contractions && end < text.size() && text[end] == '\'') {
                const std::size_t size = contraction_size(text, end + 1, Case::kFolded);
                if (size != 0) end += 1 + size;
            }
            return end;
        }
        if (c.is(unicode::kNumber)) return digits_end(text, position, max_digits);
        const std::size_t end = other_end(text, position);
        if (end != position) return newlines_end(text, end, true);
        return line_or_space_end(text, position);
    }

    static PYPACK_INLINE std::uint64_t starts(const Window& window) {
        const AsciiMasks& m = window.masks;
        const std::uint64_t letter = window.letter();
        const std::uint64_t all_other = window.other();
        // [\r\n/]*, which may hold newlines with a mark before them, a slash, that end no match.
        std::uint64_t taken = 0;
        for (std::uint64_t first = (all_other << 1) & m.newline; first != 0; first &= ~taken) {
            taken |= runs_from(m.newline | m.slash, first & (~first + 1));
        }
        const std::uint64_t other = all_other & ~taken;
        const std::uint64_t white = m.white & ~taken;
        const std::uint64_t newline = m.newline & ~taken;
        const std::uint64_t other_starts = first_of_runs(other) & ~(m.space << 1);
        const std::uint64_t prefix = (white & ~newline) | characters_at(window, other_starts);
        std::uint64_t starts = line_starts(white, newline, letter | m.digit | all_other) | other_starts;
        starts |= first_of_runs(letter) & ~(prefix << 1);
        starts |= m.upper & (m.lower << 1);
        starts |= max_digits == 1 ? m.digit : triplet_starts(m.digit);
        // A contraction belongs to the word before it, unless that is itself a contraction.
        if constexpr (!has_contractions) return starts;
        std::uint64_t contractions = m.apostrophe & (letter << 1) & (letter >> 1);
        unsigned taken_up_to = 0;
        for (; contractions != 0; contractions &= contractions - 1) {
            const auto at = static_cast<unsigned>(__builtin_ctzll(contractions));
            if (at == taken_up_to) continue;
            const unsigned size = contraction_at(window, at, 0x20);
            if (size == 0) continue;
            taken_up_to = at + 1 + size;
            starts &= ~(bit_at(at) | bit_at(at + 1) | (size == 2 ? bit_at(at + 2) : 0));
            starts |= bit_at(taken_up_to) & letter;
        }
        return starts;
    }
};

}  // namespace pypack::patterns
