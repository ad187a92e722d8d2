// What the scanners share that find all matches in a window of up to 64 bytes by bit arithmetic. Bit i stands
// for byte i; a shift to the left looks at the byte before. A character outside ASCII has all its bytes in
// the mask of its class; none is whitespace.
#pragma once

#include <cstdint>

#include "tokenize/pretokenize/wide_characters.hpp"
#include "tokenize/unicode/ascii_masks.hpp"

namespace pypack::patterns {

// A window begins where a match begins. Bytes outside `valid` are unknown, unless the text ends there: both
// read as zeros, and the caller (pattern_pretokenizer.cpp) drops the starts that this leaves uncertain.
struct Window {
    const AsciiMasks& masks;
    std::uint64_t valid;
    const char* text;

    [[nodiscard]] PYPACK_INLINE std::uint64_t letter() const { return masks.upper | masks.lower; }
    // [^\s\p{L}\p{N}]
    [[nodiscard]] PYPACK_INLINE std::uint64_t other() const {
        return valid & ~(letter() | masks.digit | masks.white);
    }
    // Of those in ASCII, what is neither punctuation nor a symbol.
    [[nodiscard]] PYPACK_INLINE std::uint64_t control() const { return masks.control & other(); }
};

[[nodiscard]] PYPACK_INLINE std::uint64_t first_of_runs(std::uint64_t mask) {
    return mask & ~(mask << 1);
}

// Bits of the runs in `mask` whose first bits are `first`.
[[nodiscard]] PYPACK_INLINE std::uint64_t runs_from(std::uint64_t mask, std::uint64_t first) {
    return mask & ~(mask + first);
}

// All bytes of the characters whose first bytes are `first`.
[[nodiscard]] PYPACK_INLINE std::uint64_t characters_at(const Window& window, std::uint64_t first) {
    const std::uint64_t continuation = window.masks.continuation;
    return first | runs_from(continuation, (first << 1) & continuation);
}

// Starts of \s*[\r\n]+|\s+(?!\S)|\s+ in `white`. `solid` is what is not whitespace; the last character of a
// run that is no newline starts a match before it, its own or that of what follows.
[[nodiscard]] PYPACK_INLINE std::uint64_t line_starts(std::uint64_t white, std::uint64_t newline,
                                                      std::uint64_t solid) {
    const std::uint64_t blank = white & ~newline;
    // Blanks behind a newline start a match, unless a later newline of the run takes them in.
    std::uint64_t behind = (newline << 1) & blank;
    if (((blank + behind) & newline) != 0) {
        for (std::uint64_t rest = behind; rest != 0; rest &= rest - 1) {
            const std::uint64_t first = rest & (~rest + 1);
            if (((blank + first) & newline & ~first) != 0) behind &= ~first;
        }
    }
    return first_of_runs(white) | (blank & (solid >> 1)) | behind;
}

// Starts of \p{N}{1,3}.
[[nodiscard]] PYPACK_INLINE std::uint64_t triplet_starts(std::uint64_t digit) {
    std::uint64_t starts = first_of_runs(digit);
    const std::uint64_t behind_three = digit & (digit << 1) & (digit << 2) & (digit << 3);
    if (behind_three != 0) {
        for (std::uint64_t next = starts; (next = (next << 3) & behind_three) != 0;) starts |= next;
    }
    return starts;
}

// Every second digit of a run begins a word.
[[nodiscard]] PYPACK_INLINE std::uint64_t pair_starts(std::uint64_t digit) {
    std::uint64_t starts = first_of_runs(digit);
    const std::uint64_t behind_two = digit & (digit << 1) & (digit << 2);
    if (behind_two != 0) {
        for (std::uint64_t next = starts; (next = (next << 2) & behind_two) != 0;) starts |= next;
    }
    return starts;
}

// contraction_size for ASCII; the bytes are lower-case where case does not matter, 0 behind the window.
[[nodiscard]] PYPACK_INLINE unsigned contraction_bytes(int first, int second) {
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return 1;
    return (second == 'e' && (first == 'r' || first == 'v')) || (first == 'l' && second == 'l') ? 2 : 0;
}

// Bytes behind the apostrophe at bit `at` that make it a contraction, 0 if none do.
[[nodiscard]] PYPACK_INLINE unsigned contraction_at(const Window& window, unsigned at, int fold) {
    const bool has_second = at + 2 < 64 && (window.valid >> (at + 2) & 1) != 0;
    return contraction_bytes(window.text[at + 1] | fold, has_second ? window.text[at + 2] | fold : 0);
}

[[nodiscard]] PYPACK_INLINE std::uint64_t bit_at(unsigned at) {
    return at < 64 ? std::uint64_t{1} << at : 0;
}

// `starts` with GPT-2's contractions as matches of their own. An apostrophe that starts a match and has a
// letter behind it stands alone between them.
[[nodiscard]] PYPACK_INLINE std::uint64_t with_contractions(const Window& window, std::uint64_t starts) {
    const std::uint64_t letter = window.letter();
    std::uint64_t contractions = window.masks.apostrophe & starts & (letter >> 1);
    for (; contractions != 0; contractions &= contractions - 1) {
        const auto at = static_cast<unsigned>(__builtin_ctzll(contractions));
        const unsigned size = contraction_at(window, at, 0);
        if (size == 0) continue;
        starts &= ~bit_at(at + 1);
        starts |= bit_at(at + 1 + size) & letter;
    }
    return starts;
}

}  // namespace pypack::patterns
