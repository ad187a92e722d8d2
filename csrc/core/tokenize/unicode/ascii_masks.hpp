// Classes of 64 characters at once, as bit masks: bit i says that byte i is of the class. Bytes outside ASCII
// are in the last two alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "common/simd.hpp"

namespace pypack {

struct AsciiMasks {
    std::uint64_t upper;
    std::uint64_t lower;
    std::uint64_t digit;
    std::uint64_t space;       // U+0020
    std::uint64_t white;       // \s: U+0009-000D and U+0020
    std::uint64_t newline;     // [\r\n]
    std::uint64_t apostrophe;  // '
    std::uint64_t slash;       // /
    std::uint64_t control;     // U+0000-001F and U+007F, whitespace among them
    std::uint64_t lead;        // the first byte of a character outside ASCII
    std::uint64_t continuation;
};

inline constexpr std::size_t kMaskBytes = 64;

// How each instruction set reads the masks of text[0, size), size at most 64; bits from size on are zero.
// `write_positions` stores base + i for every one of the `count` bits i of `bits`, and may write kMaskBytes
// elements.

struct PortableMasks {
    static PYPACK_INLINE AsciiMasks load(const char* text, std::size_t size) {
        AsciiMasks m{};
        for (std::size_t i = 0; i < size; ++i) {
            const auto c = static_cast<unsigned char>(text[i]);
            const std::uint64_t bit = std::uint64_t{1} << i;
            if (c < 0x20 || c == 0x7F) m.control |= bit;
            if (c >= 'a' && c <= 'z') {
                m.lower |= bit;
            } else if (c >= 'A' && c <= 'Z') {
                m.upper |= bit;
            } else if (c >= '0' && c <= '9') {
                m.digit |= bit;
            } else if (c == ' ') {
                m.space |= bit;
                m.white |= bit;
            } else if (c >= '\t' && c <= '\r') {
                m.white |= bit;
                if (c == '\n' || c == '\r') m.newline |= bit;
            } else if (c == '\'') {
                m.apostrophe |= bit;
            } else if (c == '/') {
                m.slash |= bit;
            } else if (c >= 0xC0) {
                m.lead |= bit;
            } else if (c >= 0x80) {
                m.continuation |= bit;
            }
        }
        return m;
    }

    static PYPACK_INLINE void write_positions(std::uint64_t bits, unsigned, std::uint32_t base,
                                              std::uint32_t* out) {
        for (; bits != 0; bits &= bits - 1) *out++ = base + static_cast<std::uint32_t>(__builtin_ctzll(bits));
    }
};

#if PYPACK_X86_DISPATCH

struct Avx2Masks {
    PYPACK_TARGET_AVX2 static PYPACK_INLINE std::uint64_t join(__m256i low, __m256i high) {
        return static_cast<std::uint32_t>(_mm256_movemask_epi8(low)) |
               static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm256_movemask_epi8(high))) << 32;
    }

    // Bytes in [first, first + count).
    PYPACK_TARGET_AVX2 static PYPACK_INLINE __m256i in_range(__m256i v, int first, int count) {
        const __m256i shifted = _mm256_sub_epi8(v, _mm256_set1_epi8(static_cast<char>(first)));
        return _mm256_cmpeq_epi8(_mm256_min_epu8(shifted, _mm256_set1_epi8(static_cast<char>(count - 1))),
                                 shifted);
    }

    PYPACK_TARGET_AVX2 static PYPACK_INLINE std::uint64_t range(__m256i low, __m256i high, int first,
                                                                int count) {
        return join(in_range(low, first, count), in_range(high, first, count));
    }

    PYPACK_TARGET_AVX2 static PYPACK_INLINE AsciiMasks load(const char* text, std::size_t size) {
        alignas(32) char padded[kMaskBytes];
        if (size < kMaskBytes) {
            std::memset(padded, 0, sizeof padded);
            std::memcpy(padded, text, size);
            text = padded;
        }
        const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text));
        const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + 32));
        AsciiMasks m;
        m.upper = range(low, high, 'A', 26);
        m.lower = range(low, high, 'a', 26);
        m.digit = range(low, high, '0', 10);
        m.space = range(low, high, ' ', 1);
        m.white = m.space | range(low, high, '\t', 5);
        m.newline = range(low, high, '\n', 1) | range(low, high, '\r', 1);
        m.apostrophe = range(low, high, '\'', 1);
        m.slash = range(low, high, '/', 1);
        m.control = range(low, high, 0, 0x20) | range(low, high, 0x7F, 1);
        const std::uint64_t wide = join(low, high);
        m.lead = wide & join(_mm256_slli_epi16(low, 1), _mm256_slli_epi16(high, 1));
        m.continuation = wide & ~m.lead;
        return m;
    }

    // Sixteen at a time, whether there are as many or not: a loop that ends with the last bit is
    // mispredicted at nearly every window.
    PYPACK_TARGET_AVX2 static PYPACK_INLINE void write_positions(std::uint64_t bits, unsigned count,
                                                                 std::uint32_t base, std::uint32_t* out) {
        for (unsigned written = 0;; written += 16) {
            for (unsigned i = 0; i < 16; ++i, bits = _blsr_u64(bits)) {
                out[written + i] = base + static_cast<std::uint32_t>(_tzcnt_u64(bits));
            }
            if (count <= written + 16) [[likely]]
                return;
        }
    }
};

struct Avx512Masks {
    PYPACK_TARGET_AVX512 static PYPACK_INLINE std::uint64_t range(__m512i v, int first, int count) {
        return _mm512_cmplt_epu8_mask(_mm512_sub_epi8(v, _mm512_set1_epi8(static_cast<char>(first))),
                                      _mm512_set1_epi8(static_cast<char>(count)));
    }

    PYPACK_TARGET_AVX512 static PYPACK_INLINE AsciiMasks load(const char* text, std::size_t size) {
        const __mmask64 valid = size < kMaskBytes ? (__mmask64{1} << size) - 1 : ~__mmask64{0};
        const __m512i v = _mm512_maskz_loadu_epi8(valid, text);
        AsciiMasks m;
        m.upper = range(v, 'A', 26);
        m.lower = range(v, 'a', 26);
        m.digit = range(v, '0', 10);
        m.space = range(v, ' ', 1);
        m.white = m.space | range(v, '\t', 5);
        m.newline = range(v, '\n', 1) | range(v, '\r', 1);
        m.apostrophe = range(v, '\'', 1);
        m.slash = range(v, '/', 1);
        m.control = range(v, 0, 0x20) | range(v, 0x7F, 1);
        const std::uint64_t wide = _mm512_movepi8_mask(v);
        m.lead = wide & _mm512_test_epi8_mask(v, _mm512_set1_epi8(0x40));
        m.continuation = wide & ~m.lead;
        return m;
    }

    // So many are written, 16 or 32, before it is asked whether there are more.
    template <unsigned most_often = 16>
    PYPACK_TARGET_AVX512 static PYPACK_INLINE void write_positions(std::uint64_t bits, unsigned count,
                                                                   std::uint32_t base, std::uint32_t* out) {
        const __m512i iota = _mm512_set_epi8(63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48,
                                             47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32,
                                             31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
                                             15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        const __m512i packed = _mm512_maskz_compress_epi8(bits, iota);
        const __m512i bases = _mm512_set1_epi32(static_cast<int>(base));
        store16(_mm512_castsi512_si128(packed), bases, out);
        if (most_often > 16 || count > 16) {
            store16(_mm512_extracti32x4_epi32(packed, 1), bases, out + 16);
            if (count > 32) {
                store16(_mm512_extracti32x4_epi32(packed, 2), bases, out + 32);
                store16(_mm512_extracti32x4_epi32(packed, 3), bases, out + 48);
            }
        }
    }

    PYPACK_TARGET_AVX512 static PYPACK_INLINE void store16(__m128i bytes, __m512i bases, std::uint32_t* out) {
        _mm512_storeu_si512(out, _mm512_add_epi32(bases, _mm512_cvtepu8_epi32(bytes)));
    }
};

#endif  // PYPACK_X86_DISPATCH

}  // namespace pypack
