#include "objective/label_places.hpp"

#include "common/simd.hpp"
#include "common/types.hpp"

namespace pypack {

namespace {

#if PYPACK_X86_DISPATCH

PYPACK_TARGET_AVX512 inline unsigned differs(const std::int64_t* labels, __mmask8 lanes) {
    const __m512i none = _mm512_set1_epi64(kIgnoreLabel);
    return _mm512_mask_cmpneq_epi64_mask(lanes, _mm512_maskz_loadu_epi64(lanes, labels), none);
}
PYPACK_TARGET_AVX512 inline unsigned differs(const std::int32_t* labels, __mmask8 lanes) {
    const __m256i none = _mm256_set1_epi32(static_cast<int>(kIgnoreLabel));
    return _mm256_mask_cmpneq_epi32_mask(lanes, _mm256_maskz_loadu_epi32(lanes, labels), none);
}

PYPACK_TARGET_AVX512 inline void put(std::int64_t* labels, __mmask8 lanes, __m512i values) {
    _mm512_mask_storeu_epi64(labels, lanes, values);
}
PYPACK_TARGET_AVX512 inline void put(std::int32_t* labels, __mmask8 lanes, __m512i values) {
    _mm256_mask_storeu_epi32(labels, lanes, _mm512_maskz_cvtepi64_epi32(0xff, values));
}

PYPACK_TARGET_AVX512 inline __mmask8 lanes_of(std::int64_t count) {
    return static_cast<__mmask8>(count >= 8 ? 0xff : (1U << count) - 1);
}

template <typename Id>
PYPACK_TARGET_AVX512 std::uint64_t label_bits_avx512(const Id* labels, std::int64_t count) {
    std::uint64_t bits = 0;
    for (std::int64_t i = 0; i < count; i += 8) {
        bits |= static_cast<std::uint64_t>(differs(labels + i, lanes_of(count - i))) << i;
    }
    return bits;
}

template <typename Id>
PYPACK_TARGET_AVX512 void tell_avx512(Id* labels, std::int64_t count, std::uint64_t replaced,
                                      std::uint64_t none) {
    for (std::int64_t i = 0; i < count; i += 8) {
        const __m512i other = _mm512_maskz_set1_epi64(static_cast<__mmask8>(none >> i), kIgnoreLabel);
        put(labels + i, lanes_of(count - i),
            _mm512_mask_set1_epi64(other, static_cast<__mmask8>(replaced >> i), 1));
    }
}

#endif

}  // namespace

template <typename Id>
std::uint64_t label_bits(const Id* labels, std::int64_t count, Instructions instructions) {
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) return label_bits_avx512(labels, count);
#else
    (void)instructions;
#endif
    std::uint64_t bits = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        bits |= static_cast<std::uint64_t>(labels[i] != static_cast<Id>(kIgnoreLabel)) << i;
    }
    return bits;
}

template <typename Id>
void tell(Id* labels, std::int64_t count, std::uint64_t replaced, std::uint64_t none,
          Instructions instructions) {
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) return tell_avx512(labels, count, replaced, none);
#else
    (void)instructions;
#endif
    for (std::int64_t i = 0; i < count; ++i) {
        const Id other = (none >> i & 1U) != 0 ? static_cast<Id>(kIgnoreLabel) : Id{0};
        labels[i] = (replaced >> i & 1U) != 0 ? Id{1} : other;
    }
}

template std::uint64_t label_bits(const std::int64_t*, std::int64_t, Instructions);
template std::uint64_t label_bits(const std::int32_t*, std::int64_t, Instructions);
template void tell(std::int64_t*, std::int64_t, std::uint64_t, std::uint64_t, Instructions);
template void tell(std::int32_t*, std::int64_t, std::uint64_t, std::uint64_t, Instructions);

}  // namespace pypack
