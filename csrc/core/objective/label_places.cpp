#include "objective/label_places.hpp"

#include <bit>

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

PYPACK_TARGET_AVX512 inline __m512i eight(const std::int64_t* at, __mmask8 lanes) {
    return _mm512_maskz_loadu_epi64(lanes, at);
}
PYPACK_TARGET_AVX512 inline __m512i eight(const std::int32_t* at, __mmask8 lanes) {
    return _mm512_maskz_cvtepi32_epi64(0xff, _mm256_maskz_loadu_epi32(lanes, at));
}

template <typename Id>
PYPACK_TARGET_AVX512 Listed list_avx512(const Id* labels, std::int64_t count, std::int64_t first,
                                        std::int64_t room, Id* places, Id* found) {
    __m512i place = _mm512_add_epi64(_mm512_set1_epi64(first), _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0));
    const __m512i none = _mm512_set1_epi64(kIgnoreLabel);
    Listed listed{0, 0};
    for (; listed.items + 8 <= count && listed.found + 8 <= room; listed.items += 8) {
        const __m512i values = eight(labels + listed.items, 0xff);
        const __mmask8 is = _mm512_cmpneq_epi64_mask(values, none);
        put(places + listed.found, 0xff, _mm512_maskz_compress_epi64(is, place));
        put(found + listed.found, 0xff, _mm512_maskz_compress_epi64(is, values));
        listed.found += std::popcount(static_cast<unsigned>(is));
        place = _mm512_add_epi64(place, _mm512_set1_epi64(8));
    }
    return listed;
}

// Few tokens lie where those that are never chosen do, and mostly all are to be learned.
template <typename Id>
PYPACK_TARGET_AVX512 void tell_avx512(const Id* originals, Id* labels, std::int64_t count,
                                      const std::uint64_t* unlearned, const NeverChosen& never) {
    const __m512i begin = _mm512_set1_epi64(static_cast<long long>(never.near.begin));
    const __m512i size = _mm512_set1_epi64(static_cast<long long>(never.near.size));
    for (std::int64_t i = 0; i < count; i += 8) {
        const __mmask8 lanes = lanes_of(count - i);
        const __m512i ids = eight(originals + i, lanes);
        auto near = _mm512_mask_cmplt_epu64_mask(lanes, _mm512_sub_epi64(ids, begin), size);
        auto none = static_cast<__mmask8>(unlearned[i / 64] >> (i % 64));
        if (near != 0) [[unlikely]] {
            for (std::int64_t lane = 0; lane < 8 && i + lane < count; ++lane) {
                if (never.tokens.contains(originals[i + lane]))
                    none = static_cast<__mmask8>(none | 1U << lane);
            }
        }
        const unsigned replaced = differs(labels + i, lanes);
        const __m512i other = _mm512_maskz_set1_epi64(none, kIgnoreLabel);
        put(labels + i, lanes, _mm512_mask_set1_epi64(other, static_cast<__mmask8>(replaced), 1));
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
Listed list_labels(const Id* labels, std::int64_t count, std::int64_t first, std::int64_t room,
                   Instructions instructions, Id* places, Id* found) {
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) return list_avx512(labels, count, first, room, places, found);
#endif
    (void)instructions;
    Listed listed{0, 0};
    for (; listed.items < count && listed.found < room; ++listed.items) {
        places[listed.found] = static_cast<Id>(first + listed.items);
        found[listed.found] = labels[listed.items];
        listed.found += labels[listed.items] != static_cast<Id>(kIgnoreLabel) ? 1 : 0;
    }
    return listed;
}

template <typename Id>
void tell_replaced(const Id* originals, Id* labels, std::int64_t count, const std::uint64_t* unlearned,
                   const NeverChosen& never, Instructions instructions) {
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) return tell_avx512(originals, labels, count, unlearned, never);
#endif
    (void)instructions;
    for (std::int64_t i = 0; i < count; ++i) {
        const bool none = (unlearned[i / 64] >> (i % 64) & 1U) != 0 || never.tokens.contains(originals[i]);
        const Id other = none ? static_cast<Id>(kIgnoreLabel) : Id{0};
        labels[i] = labels[i] != static_cast<Id>(kIgnoreLabel) ? Id{1} : other;
    }
}

template std::uint64_t label_bits(const std::int64_t*, std::int64_t, Instructions);
template std::uint64_t label_bits(const std::int32_t*, std::int64_t, Instructions);
template Listed list_labels(const std::int64_t*, std::int64_t, std::int64_t, std::int64_t, Instructions,
                            std::int64_t*, std::int64_t*);
template Listed list_labels(const std::int32_t*, std::int64_t, std::int64_t, std::int64_t, Instructions,
                            std::int32_t*, std::int32_t*);
template void tell_replaced(const std::int64_t*, std::int64_t*, std::int64_t, const std::uint64_t*,
                            const NeverChosen&, Instructions);
template void tell_replaced(const std::int32_t*, std::int32_t*, std::int64_t, const std::uint64_t*,
                            const NeverChosen&, Instructions);

}  // namespace pypack
