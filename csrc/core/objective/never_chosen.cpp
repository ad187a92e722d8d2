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
PYPACK_TARGET_AVX512 PYPACK_INLINE std::uint64_t near_avx512(const std::uint16_t* at, std::uint64_t lanes,
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

PYPACK_TARGET_AVX512 PYPACK_INLINE std::uint64_t near_avx512(const std::int32_t* at, std::uint64_t lanes,
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

PYPACK_TARGET_AVX512 PYPACK_INLINE std::uint64_t near_avx512(const std::int64_t* at, std::uint64_t lanes,
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

PYPACK_TARGET_AVX2 PYPACK_INLINE std::uint64_t near_avx2(const std::uint16_t* at, const NeverChosen& never) {
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

PYPACK_TARGET_AVX2 PYPACK_INLINE std::uint64_t near_avx2(const std::int32_t* at, const NeverChosen& never) {
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

// The bits of `near` that are 1 are of tokens that there are; those that do not lie near become 0.
template <typename Token>
PYPACK_TARGET_AVX512 void near_blocks_avx512(const Token* at, std::int64_t blocks, const NeverChosen& never,
                                             std::uint64_t* near) {
    for (std::int64_t block = 0; block < blocks; ++block) {
        near[block] &= near_avx512(at + 64 * block, near[block], never);
    }
}

template <typename Token>
PYPACK_TARGET_AVX2 void near_blocks_avx2(const Token* at, std::int64_t count, const NeverChosen& never,
                                         std::uint64_t* near) {
    std::int64_t block = 0;
    for (; 64 * (block + 1) <= count; ++block) near[block] = near_avx2(at + 64 * block, never);
    if (64 * block == count) return;
    Token padded[64]{};
    std::copy_n(at + 64 * block, count - 64 * block, padded);
    near[block] &= near_avx2(padded, never);
}

#endif

}  // namespace

NeverChosen::NeverChosen(TokenSet set, std::uint64_t vocab_size)
    : tokens(std::move(set)), near(tokens.range(vocab_size)) {
    constexpr std::uint64_t kSixteenBits = 1U << 16;
    std::vector<std::uint32_t> narrow;
    for (std::uint64_t id = tokens.first(); id < std::min(tokens.first() + tokens.size(), kSixteenBits);
         ++id) {
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
void NeverChosen::find(const Token* at, std::int64_t count, const std::uint64_t* among,
                       Instructions instructions, std::uint64_t* found) const {
    const std::int64_t blocks = (count + kChosenBlock - 1) / kChosenBlock;
    std::fill_n(found, blocks, ~std::uint64_t{0});
    if (count % kChosenBlock != 0) found[blocks - 1] = (std::uint64_t{1} << (count % kChosenBlock)) - 1;
    if (sizeof(Token) == 2 ? !any16 : tokens.size() == 0) {
        std::fill_n(found, blocks, std::uint64_t{0});
        return;
    }
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) {
        near_blocks_avx512(at, blocks, *this, found);
    } else if (instructions == Instructions::kAvx2) {
        if constexpr (sizeof(Token) < 8) near_blocks_avx2(at, count, *this, found);
    }
#else
    (void)instructions;
#endif
    for (std::int64_t block = 0; block < blocks; ++block, at += kChosenBlock) {
        std::uint64_t close = among == nullptr ? found[block] : found[block] & among[block];
        found[block] = 0;
        for (; close != 0; close &= close - 1) {
            const int i = std::countr_zero(close);
            found[block] |= static_cast<std::uint64_t>(tokens.contains(at[i])) << i;
        }
    }
}

#define PYPACK_INSTANTIATE_FIND(Token)                                                              \
    template void NeverChosen::find(const Token*, std::int64_t, const std::uint64_t*, Instructions, \
                                    std::uint64_t*) const;
PYPACK_INSTANTIATE_FIND(std::uint16_t)
PYPACK_INSTANTIATE_FIND(std::int32_t)
PYPACK_INSTANTIATE_FIND(std::int64_t)
#undef PYPACK_INSTANTIATE_FIND

}  // namespace pypack
