// Characters outside ASCII among the masks of a window (ascii_masks.hpp).
#pragma once

#include <cstdint>

#include "tokenize/pretokenize/pattern_chars.hpp"
#include "tokenize/unicode/ascii_masks.hpp"

namespace pypack::patterns {

// What a pattern takes such characters for: every byte of one is then of its class. The rest are neither
// letters, digits nor whitespace, but for those that no window can hold: they are left to the scalar
// scanner.
struct WideClasses {
    CategorySet upper;
    CategorySet lower;
    CategorySet digit;
    CategorySet stop;
    bool long_s_stops;  // U+017F may be the s of a contraction
};

inline constexpr WideClasses kNoWideCharacters{0, 0, 0, ~CategorySet{0}, false};

// Adds the characters of text[0, size) to its masks. Returns the byte of the first character that stops, or
// whose end lies behind the window; else size.
template <const WideClasses& classes>
PYPACK_INLINE unsigned add_wide_characters(AsciiMasks& masks, const char* text, unsigned size) {
    if constexpr (classes.stop == ~CategorySet{0}) {
        // Falcon cuts characters: a window may begin inside one.
        const std::uint64_t wide = masks.lead | masks.continuation;
        return wide == 0 ? size : static_cast<unsigned>(__builtin_ctzll(wide));
    }
    for (std::uint64_t rest = masks.lead; rest != 0; rest &= rest - 1) {
        const auto at = static_cast<unsigned>(__builtin_ctzll(rest));
        const auto byte = [text, at](unsigned i) { return static_cast<unsigned char>(text[at + i]); };
        const char32_t lead = byte(0);
        unsigned length = 0;
        char32_t code_point = 0;
        if (lead < 0xE0) {
            length = 2;
            if (at + length > size) return at;
            code_point = (lead & 0x1F) << 6 | (byte(1) & 0x3F);
        } else if (lead < 0xF0) {
            length = 3;
            if (at + length > size) return at;
            code_point = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
        } else {
            length = 4;
            if (at + length > size) return at;
            code_point =
                (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
        }
        const CategorySet category = unicode::category_bit(code_point);
        if ((category & classes.stop) != 0 || (classes.long_s_stops && code_point == 0x17F)) return at;
        const std::uint64_t bytes = ((std::uint64_t{1} << length) - 1) << at;
        const auto where = [category, bytes](CategorySet set) {
            return bytes & (std::uint64_t{0} - std::uint64_t{(category & set) != 0});
        };
        masks.upper |= where(classes.upper);
        masks.lower |= where(classes.lower);
        masks.digit |= where(classes.digit);
    }
    return size;
}

}  // namespace pypack::patterns
