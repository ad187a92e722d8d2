// Which tokens are never chosen: looked for where they mostly are not.
#include <algorithm>
#include <bit>
#include <vector>

#include "common/simd.hpp"
#include "objective/masked_piece.hpp"

namespace pypack {

namespace {

#if PYPACK_X86_DISPATCH

// Of 64 tokens those that lie near. No token outside of `lanes` is read.
PYPACK_TARGET_AVX512 std::uint64_t near_avx512(const std::uint16_t* at, std::uint64_t lanes,
                                               const NeverChosen& never) {
    const __m512i begin = _mm512_set1_epi16(static_cast<short>(never.begin16));
    const __m512i last = _mm512_set1_epi16(static_cast<short>(never.last16));
    const auto lower = static_cast<__mmask32>(lanes);
    const auto upper = static_cast<__mmask32>(lanes >> 32);
    const __m512i low = _mm512_sub_epi16(_mm512_maskz_loadu_epi16(lower, at), begin);
    const __m512i high = _mm512_sub_epi16(_mm512_maskz_loadu_epi16(upper, at + 32), begin);
    return static_cast<std::uint64_t>(_mm512_cmple_epu16_mask(low, last)) |
           static_cast<std::uint64_t>(_mm512_cmple_epu16_mask(high, last)) << 32;
}

PYPACK_TARGET_AVX512 std::uint64_t near_avx512(const std::int32_t* at, std::uint64_t lanes,
                                               const NeverChosen& never) {
    const __m512i begin = _mm512_set1_epi32(static_cast<int>(never.near.begin));
    const __m512i size = _mm512_set1_epi32(static_cast<int>(never.near.size));
    std::uint64_t near = 0;
    for (int i = 0; i < 64; i += 16) {
        const auto here = static_cast<__mmask16>(lanes >> i);
        const __m512i number = _mm512_sub_epi32(_mm512_maskz_loadu_epi32(here, at + i), begin);
        near |= static_cast<std::uint64_t>(_mm512_cmplt_epu32_mask(number, size)) << i;
    }
    return near;
}

PYPACK_TARGET_AVX512 std::uint64_t near_avx512(const std::int64_t* at, std::uint64_t lanes,
                                               const NeverChosen& never) {
    const __m512i begin = _mm512_set1_epi64(static_cast<long long>(never.near.begin));
    const __m512i size = _mm512_set1_epi64(static_cast<long long>(never.near.size));
    std::uint64_t near = 0;
    for (int i = 0; i < 64; i += 8) {
        const auto here = static_cast<__mmask8>(lanes >> i);
        const __m512i number = _mm512_sub_epi64(_mm512_maskz_loadu_epi64(here, at + i), begin);
        near |= static_cast<std::uint64_t>(_mm512_cmplt_epu64_mask(number, size)) << i;
    }
    return near;
}

PYPACK_TARGET_AVX2 std::uint64_t near_avx2(const std::uint16_t* at, const NeverChosen& never) {
    const __m256i begin = _mm256_set1_epi16(static_cast<short>(never.begin16));
    const __m256i last = _mm256_set1_epi16(static_cast<short>(never.last16));
    std::uint64_t near = 0;
    for (int i = 0; i < 64; i += 32) {
        const auto lanes = [&](int first) PYPACK_TARGET_AVX2 {
            const __m256i all = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + i + first));
            const __m256i number = _mm256_sub_epi16(all, begin);
            return _mm256_cmpeq_epi16(_mm256_min_epu16(number, last), number);
        };
        const __m256i bytes = _mm256_permute4x64_epi64(_mm256_packs_epi16(lanes(0), lanes(16)), 0xd8);
        near |= static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm256_movemask_epi8(bytes))) << i;
    }
    return near;
}

PYPACK_TARGET_AVX2 std::uint64_t near_avx2(const std::int32_t* at, const NeverChosen& never) {
    if (static_cast<std::uint32_t>(never.near.size) == 0) return 0;
    const __m256i begin = _mm256_set1_epi32(static_cast<int>(never.near.begin));
    const __m256i last = _mm256_set1_epi32(static_cast<int>(never.near.size) - 1);
    std::uint64_t near = 0;
    for (int i = 0; i < 64; i += 8) {
        const __m256i all = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + i));
        const __m256i number = _mm256_sub_epi32(all, begin);
        const __m256i is = _mm256_cmpeq_epi32(_mm256_min_epu32(number, last), number);
        const auto bits = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(is)));
        near |= static_cast<std::uint64_t>(bits) << i;
    }
    return near;
}

#endif

}  // namespace

NeverChosen::NeverChosen(TokenSet set, std::uint64_t vocab_size)
    : tokens(std::move(set)), near(tokens.range(vocab_size)) {
    constexpr std::uint64_t kSixteenBits = 1U << 16;
    std::vector<std::uint32_t> narrow;
    for (std::uint64_t id = tokens.first(); id < std::min(tokens.first() + tokens.size(), kSixteenBits); ++id) {
        if (tokens.contains(id)) narrow.push_back(static_cast<std::uint32_t>(id));
    }
    if (narrow.empty()) return;
    any16 = true;
    // (A range that begins anew at 0 does so modulo 2^16, too.)
    const TokenSet::Range range = TokenSet(narrow).range(std::min(vocab_size, kSixteenBits));
    begin16 = static_cast<std::uint16_t>(range.begin);
    last16 = static_cast<std::uint16_t>(range.size - 1);
}

template <typename Token>
std::uint64_t NeverChosen::bits(const Token* at, std::int64_t count, std::uint64_t among,
                                Instructions instructions) const {
    if (sizeof(Token) == 2 ? !any16 : tokens.size() == 0) return 0;
    const std::uint64_t lanes = count < 64 ? (std::uint64_t{1} << count) - 1 : ~std::uint64_t{0};
    std::uint64_t close = lanes;
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) close &= near_avx512(at, lanes, *this);
    if constexpr (sizeof(Token) < 8) {
        if (instructions == Instructions::kAvx2) {
            Token padded[64]{};
            if (count < 64) std::copy_n(at, count, padded);
            close &= near_avx2(count < 64 ? padded : at, *this);
        }
    }
#else
    (void)instructions;
#endif
    std::uint64_t found = 0;
    for (close &= among; close != 0; close &= close - 1) {
        const int i = std::countr_zero(close);
        found |= static_cast<std::uint64_t>(tokens.contains(at[i])) << i;
    }
    return found;
}

template std::uint64_t NeverChosen::bits(const std::uint16_t*, std::int64_t, std::uint64_t,
                                         Instructions) const;
template std::uint64_t NeverChosen::bits(const std::int32_t*, std::int64_t, std::uint64_t, Instructions) const;
template std::uint64_t NeverChosen::bits(const std::int64_t*, std::int64_t, std::uint64_t, Instructions) const;

}  // namespace pypack
