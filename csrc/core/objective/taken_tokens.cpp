#include "objective/taken_tokens.hpp"

#include "common/simd.hpp"

namespace pypack {

namespace {

#if PYPACK_X86_DISPATCH

PYPACK_TARGET_AVX512 inline __m512i gather(const std::int64_t* ids, __m256i places, __mmask8 lanes) {
    return _mm512_mask_i32gather_epi64(_mm512_setzero_si512(), lanes, places, ids, 8);
}
PYPACK_TARGET_AVX512 inline __m512i gather(const std::int32_t* ids, __m256i places, __mmask8 lanes) {
    return _mm512_maskz_cvtepi32_epi64(
        0xff, _mm256_mmask_i32gather_epi32(_mm256_setzero_si256(), lanes, places, ids, 4));
}

template <typename Id>
PYPACK_TARGET_AVX512 bool take_avx512(const Id* ids, const std::uint32_t* places, std::size_t count,
                                      const TokenSet& never, std::uint32_t* tokens) {
    const __m512i first = _mm512_set1_epi64(static_cast<long long>(never.first()));
    const __m512i size = _mm512_set1_epi64(static_cast<long long>(never.size()));
    __mmask8 inside = 0;
    for (std::size_t i = 0; i < count; i += 8) {
        const auto lanes = static_cast<__mmask8>(count - i >= 8 ? 0xff : (1U << (count - i)) - 1);
        const __m256i eight = _mm256_maskz_loadu_epi32(lanes, places + i);
        const __m512i found = gather(ids, eight, lanes);
        const __m512i number = _mm512_sub_epi64(found, first);
        const __mmask8 near = _mm512_mask_cmplt_epu64_mask(lanes, number, size);
        if (near != 0) {  // special tokens lie together, mostly
            const __m512i words =
                _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), near,
                                            _mm512_maskz_srli_epi64(0xff, number, 6), never.bits().data(), 8);
            const __m512i shift = _mm512_and_si512(number, _mm512_set1_epi64(63));
            inside |=
                _mm512_test_epi64_mask(_mm512_maskz_srlv_epi64(0xff, words, shift), _mm512_set1_epi64(1));
        }
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(tokens + i), _mm512_maskz_cvtepi64_epi32(0xff, found));
    }
    return inside == 0;
}

#endif

}  // namespace

template <typename Id>
bool take_plain(const Id* ids, const std::uint32_t* places, std::size_t count, const TokenSet& never,
                Instructions instructions, std::uint32_t* tokens) {
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) return take_avx512(ids, places, count, never, tokens);
#else
    (void)instructions;
#endif
    bool inside = false;
    for (std::size_t i = 0; i < count; ++i) {
        const auto id = static_cast<std::uint64_t>(ids[places[i]]);
        inside |= never.contains(id);
        tokens[i] = static_cast<std::uint32_t>(id);
    }
    return !inside;
}

template bool take_plain(const std::int64_t*, const std::uint32_t*, std::size_t, const TokenSet&,
                         Instructions, std::uint32_t*);
template bool take_plain(const std::int32_t*, const std::uint32_t*, std::size_t, const TokenSet&,
                         Instructions, std::uint32_t*);

}  // namespace pypack
