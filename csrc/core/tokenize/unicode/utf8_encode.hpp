// Code points as str holds them, to UTF-8, several at once.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "tokenize/unicode/ascii_masks.hpp"

namespace pypack {

// Bytes behind the text that encode_blocks may write.
inline constexpr std::size_t kEncodeSlack = 16;

#if PYPACK_X86_DISPATCH

namespace utf8_encode {

// Four characters of up to three bytes, in four bytes each, to the bytes they have. Bits 0 to 3 of an index
// say which have more than one, bits 4 to 7 which have three.
inline constexpr auto kShuffles = [] {
    std::array<std::array<std::uint8_t, 16>, 256> shuffles{};
    for (std::size_t index = 0; index < shuffles.size(); ++index) {
        std::size_t at = 0;
        for (unsigned i = 0; i < 4; ++i) {
            const std::size_t size = 1 + (index >> i & 1) + (index >> (4 + i) & 1);
            for (std::size_t j = 0; j < size; ++j) {
                shuffles[index][at++] = static_cast<std::uint8_t>(4 * i + j);
            }
        }
        while (at < 16) shuffles[index][at++] = 0x80;
    }
    return shuffles;
}();

PYPACK_TARGET_AVX2 PYPACK_INLINE __m128i load4(const std::uint8_t* units) {
    return _mm_cvtepu8_epi32(_mm_loadu_si32(units));
}
PYPACK_TARGET_AVX2 PYPACK_INLINE __m128i load4(const std::uint16_t* units) {
    return _mm_cvtepu16_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(units)));
}
PYPACK_TARGET_AVX2 PYPACK_INLINE __m128i load4(const std::uint32_t* units) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(units));
}

// Sixteen characters as they are, if all of them are ASCII.
PYPACK_TARGET_AVX2 PYPACK_INLINE bool copy16(const std::uint8_t* units, char* out) {
    const __m128i all = _mm_loadu_si128(reinterpret_cast<const __m128i*>(units));
    if (_mm_movemask_epi8(all) != 0) return false;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), all);
    return true;
}
PYPACK_TARGET_AVX2 PYPACK_INLINE bool copy16(const std::uint16_t* units, char* out) {
    const __m256i all = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(units));
    if (_mm256_testz_si256(all, _mm256_set1_epi16(static_cast<short>(0xFF80))) == 0) return false;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                     _mm_packus_epi16(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1)));
    return true;
}
PYPACK_TARGET_AVX2 PYPACK_INLINE bool copy16(const std::uint32_t* units, char* out) {
    const __m128i a = load4(units);
    const __m128i b = load4(units + 4);
    const __m128i c = load4(units + 8);
    const __m128i d = load4(units + 12);
    const __m128i all = _mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d));
    if (_mm_testz_si128(all, _mm_set1_epi32(static_cast<int>(0xFFFFFF80))) == 0) return false;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                     _mm_packus_epi16(_mm_packus_epi32(a, b), _mm_packus_epi32(c, d)));
    return true;
}

// Four characters; nullptr where one has four bytes or is a surrogate. Writes 16 bytes.
PYPACK_TARGET_AVX2 PYPACK_INLINE char* encode4(__m128i code_points, char* out) {
    const auto constant = [](int value) { return _mm_set1_epi32(value); };
    const __m128i plane_and_top = _mm_and_si128(code_points, constant(static_cast<int>(0xFFFFF800)));
    const __m128i refused = _mm_or_si128(_mm_cmpgt_epi32(code_points, constant(0xFFFF)),
                                         _mm_cmpeq_epi32(plane_and_top, constant(0xD800)));
    if (_mm_testz_si128(refused, refused) == 0) return nullptr;
    const __m128i last = _mm_or_si128(_mm_and_si128(code_points, constant(0x3F)), constant(0x80));
    const __m128i rest = _mm_srli_epi32(code_points, 6);
    const __m128i middle = _mm_or_si128(_mm_and_si128(rest, constant(0x3F)), constant(0x80));
    const __m128i two = _mm_or_si128(_mm_or_si128(rest, constant(0xC0)), _mm_slli_epi32(last, 8));
    const __m128i lead = _mm_or_si128(_mm_srli_epi32(rest, 6), constant(0xE0));
    const __m128i three =
        _mm_or_si128(lead, _mm_or_si128(_mm_slli_epi32(middle, 8), _mm_slli_epi32(last, 16)));
    const __m128i above_one = _mm_cmpgt_epi32(code_points, constant(0x7F));
    const __m128i above_two = _mm_cmpgt_epi32(code_points, constant(0x7FF));
    const __m128i bytes = _mm_blendv_epi8(_mm_blendv_epi8(code_points, two, above_one), three, above_two);
    const auto index = static_cast<unsigned>(_mm_movemask_ps(_mm_castsi128_ps(above_one)) |
                                             _mm_movemask_ps(_mm_castsi128_ps(above_two)) << 4);
    const __m128i shuffle = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kShuffles[index].data()));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(bytes, shuffle));
    return out + 4 + std::popcount(index);
}

}  // namespace utf8_encode

// Encodes units[from, size) up to a character of four bytes, a surrogate or the last few. Returns where it
// stopped; `out` is moved behind what it wrote.
template <typename Unit>
PYPACK_TARGET_AVX2 std::size_t encode_blocks(const Unit* units, std::size_t from, std::size_t size,
                                             char*& out) {
    std::size_t at = from;
    char* to = out;
    while (at + 16 <= size) {
        if (utf8_encode::copy16(units + at, to)) {
            at += 16;
            to += 16;
            continue;
        }
        unsigned done = 0;
        for (; done < 16; done += 4) {
            char* const next = utf8_encode::encode4(utf8_encode::load4(units + at + done), to);
            if (next == nullptr) break;
            to = next;
        }
        at += done;
        if (done < 16) break;
    }
    out = to;
    return at;
}

#endif

}  // namespace pypack
