#include "objective/masked_piece.hpp"

#include <bit>
#include <cstring>
#include <type_traits>

#include "common/simd.hpp"
#include "common/types.hpp"

namespace pypack {

namespace {

PYPACK_INLINE bool bit_of(const PieceBits& bits, std::int64_t i) {
    return (bits[i / 64] >> (i % 64) & 1U) != 0;
}

template <typename Id>
PYPACK_INLINE void write_plainly(Id* ids, Id* labels, std::int64_t count, Id mask_id,
                                 const NeverChosen& never, PieceBits& chosen, const PieceBits& masked) {
    for (std::int64_t i = 0; i < count; ++i) {
        const Id id = ids[i];
        if (never.tokens.contains(id)) chosen[i / 64] &= ~(std::uint64_t{1} << (i % 64));
        const bool is_chosen = bit_of(chosen, i);
        labels[i] = is_chosen ? id : static_cast<Id>(kIgnoreLabel);
        ids[i] = is_chosen && bit_of(masked, i) ? mask_id : id;
    }
}

#if PYPACK_X86_DISPATCH

template <typename Id>
PYPACK_TARGET_AVX2 void write_avx2(Id* ids, Id* labels, std::int64_t count, Id mask_id,
                                   const NeverChosen& never, PieceBits& chosen, const PieceBits& masked) {
    write_plainly(ids, labels, count, mask_id, never, chosen, masked);
}

// Vectors of 64 bytes; Lanes has a bit for each item of one.
struct Vectors64 {
    using Id = std::int64_t;
    using Lanes = __mmask8;
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i all(std::uint64_t value) {
        return _mm512_set1_epi64(static_cast<long long>(value));
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i load(Lanes lanes, const Id* at) {
        return _mm512_maskz_loadu_epi64(lanes, at);
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static void store(Lanes lanes, Id* at, __m512i values) {
        _mm512_mask_storeu_epi64(at, lanes, values);
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i choose(Lanes lanes, __m512i there, __m512i elsewhere) {
        return _mm512_mask_mov_epi64(elsewhere, lanes, there);
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i minus(__m512i one, __m512i other) {
        return _mm512_sub_epi64(one, other);
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i least(__m512i one, __m512i other) {
        return _mm512_maskz_min_epu64(0xff, one, other);
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static Lanes below(__m512i one, __m512i other) {
        return _mm512_cmplt_epu64_mask(one, other);
    }
    // Lanes of the bits from `first` on.
    PYPACK_TARGET_AVX512 PYPACK_INLINE static Lanes lanes_of(__m512i bits, std::int64_t first) {
        const __m512i one = _mm512_set_epi64(128, 64, 32, 16, 8, 4, 2, 1);
        return _mm512_test_epi64_mask(bits, _mm512_maskz_slli_epi64(0xff, one, static_cast<unsigned>(first)));
    }
};

struct Vectors32 {
    using Id = std::int32_t;
    using Lanes = __mmask16;
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i all(std::uint64_t value) {
        return _mm512_set1_epi32(static_cast<int>(value));
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i load(Lanes lanes, const Id* at) {
        return _mm512_maskz_loadu_epi32(lanes, at);
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static void store(Lanes lanes, Id* at, __m512i values) {
        _mm512_mask_storeu_epi32(at, lanes, values);
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i choose(Lanes lanes, __m512i there, __m512i elsewhere) {
        return _mm512_mask_mov_epi32(elsewhere, lanes, there);
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i minus(__m512i one, __m512i other) {
        return _mm512_sub_epi32(one, other);
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i least(__m512i one, __m512i other) {
        return _mm512_maskz_min_epu32(0xffff, one, other);
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static Lanes below(__m512i one, __m512i other) {
        return _mm512_cmplt_epu32_mask(one, other);
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static Lanes lanes_of(__m512i bits, std::int64_t first) {
        const __m512i one = _mm512_set_epi32(1 << 15, 1 << 14, 1 << 13, 1 << 12, 1 << 11, 1 << 10, 512, 256,
                                             128, 64, 32, 16, 8, 4, 2, 1);
        const auto half = static_cast<unsigned>(first % 32);
        // Bits are the same in every 64: the upper half is brought to all 32.
        const __m512i here = first < 32 ? _mm512_maskz_shuffle_epi32(0xffff, bits, _MM_PERM_CCAA)
                                        : _mm512_maskz_shuffle_epi32(0xffff, bits, _MM_PERM_DDBB);
        return _mm512_test_epi32_mask(here, _mm512_maskz_slli_epi32(0xffff, one, half));
    }
};

template <typename Id>
using Vectors = std::conditional_t<sizeof(Id) == 8, Vectors64, Vectors32>;

// 64 bits from i on; whole words are read, as a part of what was just written would be waited for.
inline std::uint64_t bits_from(const PieceBits& bits, std::int64_t i) {
    const std::int64_t shift = i % 64;
    return bits[i / 64] >> shift | bits[i / 64 + 1] << (63 - shift) << 1;
}

// Takes the tokens of `never` out of `chosen`, among those of `near` from i on.
template <typename Id>
void take_out(const Id* ids, std::int64_t i, std::uint64_t near, const TokenSet& never, PieceBits& chosen) {
    for (; near != 0; near &= near - 1) {
        const std::int64_t at = i + std::countr_zero(near);
        if (never.contains(ids[at])) chosen[at / 64] &= ~(std::uint64_t{1} << (at % 64));
    }
}

// One pass over ids and labels, a cache line at a time.
template <typename Id>
PYPACK_TARGET_AVX512 void write_avx512(Id* ids, Id* labels, std::int64_t count, Id mask_id,
                                       const NeverChosen& never, PieceBits& chosen, const PieceBits& masked) {
    using V = Vectors<Id>;
    using Lanes = typename V::Lanes;
    constexpr std::int64_t kItems = 64 / static_cast<std::int64_t>(sizeof(Id));
    constexpr auto kAll = static_cast<Lanes>(~Lanes{0});
    const __m512i none = V::all(static_cast<std::uint64_t>(kIgnoreLabel));
    const __m512i mask = V::all(static_cast<std::uint64_t>(mask_id));
    const __m512i begin = V::all(never.near.begin);
    const __m512i size = V::all(never.near.size);
    const auto write = [&](std::int64_t i, Lanes lanes, Lanes here, Lanes masks) PYPACK_TARGET_AVX512 {
        const __m512i values = V::load(lanes, ids + i);
        V::store(lanes, labels + i, V::choose(here, values, none));
        V::store(lanes, ids + i, V::choose(masks, mask, values));
    };
    const auto some = [&](std::int64_t i, std::int64_t items) PYPACK_TARGET_AVX512 {
        const auto lanes = static_cast<Lanes>((std::uint64_t{1} << items) - 1);
        const auto near = V::below(V::minus(V::load(lanes, ids + i), begin), size);
        take_out(ids, i, bits_from(chosen, i) & near & lanes, never.tokens, chosen);
        const std::uint64_t left = bits_from(chosen, i);
        write(i, lanes, static_cast<Lanes>(left), static_cast<Lanes>(left & bits_from(masked, i)));
    };
    std::int64_t i = 0;
    const auto off = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(ids) % 64 / sizeof(Id));
    if (off != 0) {
        i = count < kItems - off ? count : kItems - off;
        some(0, i);
    }
    for (; i + 64 <= count; i += 64) {
        __m512i nearest = V::all(~std::uint64_t{0});
        for (std::int64_t j = 0; j < 64; j += kItems) {
            nearest = V::least(nearest, V::minus(V::load(kAll, ids + i + j), begin));
        }
        if (V::below(nearest, size) != 0) [[unlikely]] {
            std::uint64_t near = 0;
            for (std::int64_t j = 0; j < 64; j += kItems) {
                const Lanes found = V::below(V::minus(V::load(kAll, ids + i + j), begin), size);
                near |= static_cast<std::uint64_t>(found) << j;
            }
            take_out(ids, i, near & bits_from(chosen, i), never.tokens, chosen);
        }
        const std::uint64_t here = bits_from(chosen, i);
        const __m512i bits = _mm512_set1_epi64(static_cast<long long>(here));
        const __m512i masks = _mm512_set1_epi64(static_cast<long long>(here & bits_from(masked, i)));
        for (std::int64_t j = 0; j < 64; j += kItems) {
            write(i + j, kAll, V::lanes_of(bits, j), V::lanes_of(masks, j));
        }
    }
    for (; i < count; i += kItems) some(i, count - i < kItems ? count - i : kItems);
}

#endif

}  // namespace

template <typename Id>
void write_piece(Id* ids, Id* labels, std::int64_t count, Id mask_id, const NeverChosen& never,
                 PieceBits& chosen, const PieceBits& masked, Instructions instructions) {
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) {
        return write_avx512(ids, labels, count, mask_id, never, chosen, masked);
    }
    if (instructions == Instructions::kAvx2) {
        return write_avx2(ids, labels, count, mask_id, never, chosen, masked);
    }
#else
    (void)instructions;
#endif
    write_plainly(ids, labels, count, mask_id, never, chosen, masked);
}

template void write_piece(std::int64_t*, std::int64_t*, std::int64_t, std::int64_t, const NeverChosen&,
                          PieceBits&, const PieceBits&, Instructions);
template void write_piece(std::int32_t*, std::int32_t*, std::int64_t, std::int32_t, const NeverChosen&,
                          PieceBits&, const PieceBits&, Instructions);

PYPACK_SIMD_CLONES
void write_loss_mask(float* loss_mask, std::int64_t count, const PieceBits& chosen) {
    for (std::int64_t i = 0; i < count; ++i) {
        loss_mask[i] = static_cast<float>(chosen[i / 64] >> (i % 64) & 1U);
    }
}

}  // namespace pypack
