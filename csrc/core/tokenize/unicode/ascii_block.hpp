// Sixteen bytes at once, for what passes over most of a text. SSE2 belongs to every x86-64; elsewhere the
// loops are plain, and a compiler may make vectors of them.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace pypack::ascii {

inline constexpr std::size_t kBlock = 16;

// Bit i of a mask is byte i of the block.
using Mask = std::uint32_t;

#if defined(__SSE2__)

// Bytes outside U+0020-007E.
[[nodiscard]] inline Mask not_printable(const char* text) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
    const __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '));  // signed: above ASCII as well
    return static_cast<Mask>(
        _mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F)))));
}

// Bytes that are `first` and have `second` behind them; kBlock + 1 bytes are read.
[[nodiscard]] inline Mask equal_pairs(const char* text, char first, char second) {
    const __m128i here = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
    const __m128i behind = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + 1));
    return static_cast<Mask>(_mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(here, _mm_set1_epi8(first)),
                                                             _mm_cmpeq_epi8(behind, _mm_set1_epi8(second)))));
}

// Bytes of at least `least`.
[[nodiscard]] inline Mask at_least(const char* text, unsigned char least) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
    const __m128i larger = _mm_max_epu8(bytes, _mm_set1_epi8(static_cast<char>(least)));
    return static_cast<Mask>(_mm_movemask_epi8(_mm_cmpeq_epi8(larger, bytes)));
}

// Copies a block, upper case as lower and tab, line feed and carriage return as spaces where asked for.
// Returns the bytes of which no such copy is right: those above ASCII and, with `clean`, other controls.
[[nodiscard]] inline Mask copy_normalized(const char* text, char* out, bool lower, bool clean) {
    __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
    const auto equals = [bytes](char byte) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte)); };
    __m128i odd = _mm_cmplt_epi8(bytes, _mm_setzero_si128());
    __m128i blank = _mm_setzero_si128();
    if (clean) {
        blank = _mm_or_si128(_mm_or_si128(equals('\t'), equals('\n')), equals('\r'));
        odd = _mm_andnot_si128(blank, _mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8(' ')), equals(0x7F)));
    }
    if (lower) {
        const __m128i is_upper = _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8('A' - 1)),
                                               _mm_cmplt_epi8(bytes, _mm_set1_epi8('Z' + 1)));
        bytes = _mm_add_epi8(bytes, _mm_and_si128(is_upper, _mm_set1_epi8(0x20)));
    }
    bytes = _mm_or_si128(_mm_andnot_si128(blank, bytes), _mm_and_si128(blank, _mm_set1_epi8(' ')));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
    return static_cast<Mask>(_mm_movemask_epi8(odd));
}

#else

[[nodiscard]] inline Mask not_printable(const char* text) {
    Mask mask = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        mask |= Mask{byte < 0x20 || byte > 0x7E} << i;
    }
    return mask;
}

[[nodiscard]] inline Mask equal_pairs(const char* text, char first, char second) {
    Mask mask = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
        mask |= Mask{text[i] == first && text[i + 1] == second} << i;
    }
    return mask;
}

[[nodiscard]] inline Mask at_least(const char* text, unsigned char least) {
    Mask mask = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
        mask |= Mask{static_cast<unsigned char>(text[i]) >= least} << i;
    }
    return mask;
}

[[nodiscard]] inline Mask copy_normalized(const char* text, char* out, bool lower, bool clean) {
    Mask mask = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const bool is_blank = clean && (byte == '\t' || byte == '\n' || byte == '\r');
        const bool is_control = byte < 0x20 || byte == 0x7F;
        const bool is_upper = lower && byte >= 'A' && byte <= 'Z';
        out[i] = static_cast<char>(is_blank ? ' ' : is_upper ? byte + 0x20 : byte);
        mask |= Mask{byte >= 0x80 || (clean && is_control && !is_blank)} << i;
    }
    return mask;
}

#endif

}  // namespace pypack::ascii
