#include "objective/label_places.hpp"

#include <algorithm>
#include <array>
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

// Places and labels of up to eight bits' places, one a byte.
template <typename Id>
PYPACK_TARGET_AVX512 inline void list_eight(const Id* labels, std::int64_t first, __m128i bytes, Id* places,
                                            Id* found) {
    const __m512i at = _mm512_maskz_cvtepu8_epi64(0xff, bytes);
    put(places, 0xff, _mm512_add_epi64(at, _mm512_set1_epi64(first)));
    if constexpr (sizeof(Id) == 8) {
        put(found, 0xff, _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), 0xff, at, labels, 8));
    } else {
        const __m256i narrow = _mm512_mask_i64gather_epi32(_mm256_setzero_si256(), 0xff, at, labels, 4);
        put(found, 0xff, _mm512_maskz_cvtepi32_epi64(0xff, narrow));
    }
}

// By blocks of 64 labels: eight places at a time, mostly one or two eights a block.
template <typename Id>
PYPACK_TARGET_AVX512 Listed list_avx512(const Id* labels, std::int64_t count, std::int64_t first,
                                        std::int64_t room, Id* places, Id* found) {
    alignas(64) static constexpr std::array<std::uint8_t, 64> kUp = [] {
        std::array<std::uint8_t, 64> up{};
        for (std::uint8_t i = 0; i < 64; ++i) up[i] = i;
        return up;
    }();
    const __m512i up = _mm512_load_si512(kUp.data());
    Listed listed{0, 0};
    for (; listed.items + 64 <= count; listed.items += 64) {
        const Id* const block = labels + listed.items;
        const std::uint64_t bits = label_bits_avx512(block, 64);
        const __m512i bytes = _mm512_maskz_compress_epi8(bits, up);
        const int number = std::popcount(bits);
        if (listed.found + std::max(16, (number + 7) / 8 * 8) > room) break;
        alignas(64) std::array<std::uint8_t, 80> at;
        _mm512_store_si512(at.data(), bytes);
        for (int i = 0; i < number || i < 16; i += 8) {  // (two at least: how many there are is not foreseen)
            const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at.data() + i));
            list_eight(block, first + listed.items, eight, places + listed.found + i,
                       found + listed.found + i);
        }
        listed.found += number;
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
