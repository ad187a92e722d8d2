#include "common/valid_utf8.hpp"

#include <cstdint>
#include <cstring>

#include "common/simd.hpp"

namespace pypack {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080ULL;

// The bytes of ASCII at `from`.
std::size_t ascii_end(std::string_view text, std::size_t from) {
    std::size_t at = from;
    for (; at + 32 <= text.size(); at += 32) {
        std::uint64_t words[4];
        std::memcpy(words, text.data() + at, sizeof words);
        if (((words[0] | words[1] | words[2] | words[3]) & kHighBits) != 0) break;
    }
    while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
    return at;
}

// Bytes of the character at p, 0 if it is none (Unicode 16, table 3-7).
std::size_t character_bytes(const unsigned char* p, std::size_t left) {
    const unsigned lead = p[0];
    if (lead < 0xC2 || lead > 0xF4) return 0;
    const std::size_t size = lead < 0xE0 ? 2 : (lead < 0xF0 ? 3 : 4);
    if (size > left) return 0;
    unsigned lowest = 0x80;
    unsigned highest = 0xBF;
    if (lead == 0xE0) lowest = 0xA0;
    if (lead == 0xED) highest = 0x9F;
    if (lead == 0xF0) lowest = 0x90;
    if (lead == 0xF4) highest = 0x8F;
    if (p[1] < lowest || p[1] > highest) return 0;
    for (std::size_t i = 2; i < size; ++i) {
        if ((p[i] & 0xC0) != 0x80) return 0;
    }
    return size;
}

// From byte `at` on, where a character begins.
std::size_t valid_end(std::string_view text, std::size_t at) {
    const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
    while (at < text.size()) {
        if (bytes[at] < 0x80) {
            at = ascii_end(text, at);
            continue;
        }
        const std::size_t size = character_bytes(bytes + at, text.size() - at);
        if (size == 0) break;
        at += size;
    }
    return at;
}

#if PYPACK_X86_DISPATCH

constexpr std::size_t kBlock = 64;

// Of 64 bytes, a bit a byte: which are at most so much.
struct AtMost {
    std::uint64_t x8f, x9f, xbf, xc1, xdf, xe0, xec, xed, xef, xf0, xf3, xf4;
};

// What the bytes of a block ask of those behind it.
struct Asked {
    std::uint64_t continuations = 0;
    std::uint64_t after_e0 = 0;
    std::uint64_t after_ed = 0;
    std::uint64_t after_f0 = 0;
    std::uint64_t after_f4 = 0;
};

// Whether a block, of which `high` are no ASCII, goes on as `asked` says; and what it asks in turn (Unicode
// 16, table 3-7).
PYPACK_INLINE bool goes_on(std::uint64_t high, const AtMost& at_most, Asked& asked) {
    const std::uint64_t e0 = at_most.xe0 & ~at_most.xdf;
    const std::uint64_t ed = at_most.xed & ~at_most.xec;
    const std::uint64_t f0 = at_most.xf0 & ~at_most.xef;
    const std::uint64_t f4 = at_most.xf4 & ~at_most.xf3;
    const std::uint64_t no_lead = (at_most.xc1 & ~at_most.xbf) | ~at_most.xf4;
    // Leads of two bytes and more ask for one behind them, those of three for another, those of four for one
    // more.
    const std::uint64_t two = ~at_most.xbf;
    const std::uint64_t three = ~at_most.xdf;
    const std::uint64_t four = ~at_most.xef;
    const std::uint64_t continuations = asked.continuations | two << 1 | three << 2 | four << 3;
    const std::uint64_t wrong =
        (continuations ^ (high & at_most.xbf)) | no_lead | ((asked.after_e0 | e0 << 1) & at_most.x9f) |
        ((asked.after_ed | ed << 1) & ~at_most.x9f) | ((asked.after_f0 | f0 << 1) & at_most.x8f) |
        ((asked.after_f4 | f4 << 1) & ~at_most.x8f);
    asked = {two >> 63 | three >> 62 | four >> 61, e0 >> 63, ed >> 63, f0 >> 63, f4 >> 63};
    return wrong == 0;
}

PYPACK_TARGET_AVX512 std::size_t valid_blocks_avx512(std::string_view text) {
    Asked asked;
    std::size_t at = 0;
    for (; at + kBlock <= text.size(); at += kBlock) {
        const __m512i bytes = _mm512_loadu_si512(text.data() + at);
        const std::uint64_t high = _mm512_movepi8_mask(bytes);
        if (high == 0 && asked.continuations == 0) continue;
        const auto compare = [&](int most) PYPACK_TARGET_AVX512 -> std::uint64_t {
            return _mm512_cmple_epu8_mask(bytes, _mm512_set1_epi8(static_cast<char>(most)));
        };
        const AtMost limits{compare(0x8F), compare(0x9F), compare(0xBF), compare(0xC1),
                            compare(0xDF), compare(0xE0), compare(0xEC), compare(0xED),
                            compare(0xEF), compare(0xF0), compare(0xF3), compare(0xF4)};
        if (!goes_on(high, limits, asked)) break;
    }
    return at;
}

PYPACK_TARGET_AVX2 std::size_t valid_blocks_avx2(std::string_view text) {
    Asked asked;
    std::size_t at = 0;
    for (; at + kBlock <= text.size(); at += kBlock) {
        const auto* const from = reinterpret_cast<const __m256i*>(text.data() + at);
        const __m256i low = _mm256_loadu_si256(from);
        const __m256i top = _mm256_loadu_si256(from + 1);
        const auto bits = [](__m256i a, __m256i b) PYPACK_TARGET_AVX2 -> std::uint64_t {
            return static_cast<std::uint32_t>(_mm256_movemask_epi8(a)) |
                   std::uint64_t{static_cast<std::uint32_t>(_mm256_movemask_epi8(b))} << 32;
        };
        const std::uint64_t high = bits(low, top);
        if (high == 0 && asked.continuations == 0) continue;
        const auto compare = [&](int most) PYPACK_TARGET_AVX2 -> std::uint64_t {
            const __m256i limit = _mm256_set1_epi8(static_cast<char>(most));
            return bits(_mm256_cmpeq_epi8(_mm256_min_epu8(low, limit), low),
                        _mm256_cmpeq_epi8(_mm256_min_epu8(top, limit), top));
        };
        const AtMost limits{compare(0x8F), compare(0x9F), compare(0xBF), compare(0xC1),
                            compare(0xDF), compare(0xE0), compare(0xEC), compare(0xED),
                            compare(0xEF), compare(0xF0), compare(0xF3), compare(0xF4)};
        if (!goes_on(high, limits, asked)) break;
    }
    return at;
}

#endif

// The blocks of 64 bytes at the start in which nothing is wrong so far.
std::size_t valid_blocks(std::string_view text, Instructions instructions) {
#if PYPACK_X86_DISPATCH
    switch (resolve(instructions)) {
        case Instructions::kAvx512:
            return valid_blocks_avx512(text);
        case Instructions::kAvx2:
            return valid_blocks_avx2(text);
        default:
            break;
    }
#endif
    (void)text, (void)instructions;
    return 0;
}

}  // namespace

std::size_t valid_utf8_prefix(std::string_view text, Instructions instructions) {
    // What the last of the blocks leaves open is looked at again.
    std::size_t at = valid_blocks(text, instructions);
    if (at > 0) {
        --at;
        while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
    }
    return valid_end(text, at);
}

}  // namespace pypack
