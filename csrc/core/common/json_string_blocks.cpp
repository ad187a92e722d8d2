#include "common/json_string_blocks.hpp"

#include <bit>
#include <cstdint>

namespace pypack {

#if PYPACK_X86_DISPATCH

namespace {

constexpr std::uint64_t kOdd = 0xAAAAAAAAAAAAAAAAULL;

// Where a backslash begins an escape: of a run of them every second one, from the first on.
std::uint64_t escapes_of(std::uint64_t backslashes) {
    // Runs that begin at even places carry through the borrow into an odd one, and the other way round.
    const std::uint64_t behind = backslashes << 1;
    const std::uint64_t ends = ((behind | kOdd) - backslashes) ^ kOdd;
    return ends & backslashes;
}

PYPACK_TARGET_AVX512 PYPACK_INLINE std::uint64_t equals(__m512i bytes, char c) {
    return _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(c));
}

// What letters behind a backslash stand for, in their places; `known`: those that are one of the eight.
PYPACK_TARGET_AVX512 PYPACK_INLINE __m512i letters(__m512i bytes, std::uint64_t places,
                                                   std::uint64_t& known) {
    known = equals(bytes, '"') | equals(bytes, '\\') | equals(bytes, '/');
    const auto put = [&](char name, char value) PYPACK_TARGET_AVX512 {
        const std::uint64_t here = equals(bytes, name);
        known |= here;
        bytes = _mm512_mask_mov_epi8(bytes, here & places, _mm512_set1_epi8(value));
    };
    put('n', '\n');
    put('t', '\t');
    put('r', '\r');
    put('b', '\b');
    put('f', '\f');
    return bytes;
}

}  // namespace

PYPACK_TARGET_AVX512 const char* copy_json_blocks(const char* p, const char* end, char*& out,
                                                  bool& has_others) {
    while (end - p >= 64) {
        __m512i bytes = _mm512_loadu_si512(p);
        const std::uint64_t backslashes = equals(bytes, '\\');
        const std::uint64_t controls = _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(0x20));
        const std::uint64_t others = _mm512_movepi8_mask(bytes);
        std::uint64_t stops = equals(bytes, '"') | controls;
        std::uint64_t escapes = 0;
        if (backslashes != 0) {
            escapes = escapes_of(backslashes);
            const std::uint64_t places = escapes << 1;
            std::uint64_t known;
            bytes = letters(bytes, places, known);
            stops = (stops & ~places) | (places & ~known) >> 1 | (escapes & std::uint64_t{1} << 63);
        }
        const int size = std::countr_zero(stops);  // 64 where there is none
        const std::uint64_t taken = size == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << size) - 1;
        has_others |= (others & taken) != 0;
        if (escapes != 0) bytes = _mm512_maskz_compress_epi8(~escapes, bytes);
        _mm512_storeu_si512(out, bytes);
        out += std::popcount(taken & ~escapes);
        p += size;
        if (stops != 0) break;
    }
    return p;
}

#endif

}  // namespace pypack
