#include "objective/masked_piece.hpp"

#include <bit>
#include <type_traits>

#include "common/simd.hpp"
#include "common/types.hpp"

namespace pypack {

namespace {

PYPACK_INLINE bool bit_of(const PieceBits& bits, std::int64_t i) {
    return (bits[i / 64] >> (i % 64) & 1U) != 0;
}

// What one token becomes.
template <typename Id>
PYPACK_INLINE void write_one(std::int64_t i, Id id, const PieceArrays<Id>& to, const PieceChoice& choice) {
    const bool chosen = bit_of(choice.chosen, i);
    if (to.originals != nullptr) to.originals[i] = id;
    to.ids[i] = chosen && bit_of(choice.masked, i) ? to.mask_id : id;
    if (to.tells_chosen) {
        to.labels[i] = bit_of(choice.unlearned, i) ? static_cast<Id>(kIgnoreLabel) : Id{chosen};
    } else {
        to.labels[i] = chosen ? id : static_cast<Id>(kIgnoreLabel);
    }
}

// What most tokens become first, in loops that compilers vectorize; then the few that are chosen.
template <typename Token, typename Id>
void write_plainly(const Token* tokens, std::int64_t count, const PieceArrays<Id>& to,
                   const PieceChoice& choice) {
    const Id other = to.tells_chosen ? Id{0} : static_cast<Id>(kIgnoreLabel);
    for (std::int64_t i = 0; i < count; ++i) to.labels[i] = other;
    for (std::int64_t i = 0; to.originals != nullptr && i < count; ++i) {
        to.originals[i] = static_cast<Id>(tokens[i]);
    }
    for (std::int64_t i = 0; i < count; ++i) to.ids[i] = static_cast<Id>(tokens[i]);
    for (std::int64_t first = 0; first < count; first += kChosenBlock) {
        const std::int64_t block = first / kChosenBlock;
        std::uint64_t unlearned = to.tells_chosen ? choice.unlearned[block] : 0;
        for (; unlearned != 0; unlearned &= unlearned - 1) {
            to.labels[first + std::countr_zero(unlearned)] = static_cast<Id>(kIgnoreLabel);
        }
        for (std::uint64_t chosen = choice.chosen[block]; chosen != 0; chosen &= chosen - 1) {
            const std::int64_t i = first + std::countr_zero(chosen);
            const Id id = to.ids[i];
            to.labels[i] = to.tells_chosen ? Id{1} : id;
            to.ids[i] = bit_of(choice.masked, i) ? to.mask_id : id;
        }
    }
}

// 64 bits from i on; whole words are read, as a part of what was just written would be waited for.
PYPACK_INLINE std::uint64_t bits_from(const PieceBits& bits, std::int64_t i) {
    const std::int64_t shift = i % 64;
    return bits[i / 64] >> shift | bits[i / 64 + 1] << (63 - shift) << 1;
}

#if PYPACK_X86_DISPATCH

// Vectors of 32 bytes; a lane of a mask is all ones where its bit is 1.
struct Halves64 {
    PYPACK_TARGET_AVX2 PYPACK_INLINE static __m256i all(std::int64_t value) {
        return _mm256_set1_epi64x(value);
    }
    PYPACK_TARGET_AVX2 PYPACK_INLINE static __m256i load(const std::int64_t* at) {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    }
    PYPACK_TARGET_AVX2 PYPACK_INLINE static __m256i load(const std::int32_t* at) {
        return _mm256_cvtepi32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
    }
    PYPACK_TARGET_AVX2 PYPACK_INLINE static __m256i load(const std::uint16_t* at) {
        return _mm256_cvtepu16_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at)));
    }
    PYPACK_TARGET_AVX2 PYPACK_INLINE static __m256i lanes_of(std::uint64_t bits) {
        const __m256i places = _mm256_set_epi64x(8, 4, 2, 1);
        const __m256i here = _mm256_and_si256(_mm256_set1_epi64x(static_cast<long long>(bits)), places);
        return _mm256_cmpeq_epi64(here, places);
    }
};

struct Halves32 {
    PYPACK_TARGET_AVX2 PYPACK_INLINE static __m256i all(std::int64_t value) {
        return _mm256_set1_epi32(static_cast<int>(value));
    }
    PYPACK_TARGET_AVX2 PYPACK_INLINE static __m256i load(const std::int32_t* at) {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    }
    PYPACK_TARGET_AVX2 PYPACK_INLINE static __m256i load(const std::uint16_t* at) {
        return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
    }
    PYPACK_TARGET_AVX2 PYPACK_INLINE static __m256i lanes_of(std::uint64_t bits) {
        const __m256i places = _mm256_set_epi32(128, 64, 32, 16, 8, 4, 2, 1);
        const __m256i here = _mm256_and_si256(_mm256_set1_epi32(static_cast<int>(bits)), places);
        return _mm256_cmpeq_epi32(here, places);
    }
};

template <typename Token, typename Id>
PYPACK_TARGET_AVX2 void write_avx2(const Token* tokens, std::int64_t count, const PieceArrays<Id>& to,
                                   const PieceChoice& choice) {
    using V = std::conditional_t<sizeof(Id) == 8, Halves64, Halves32>;
    constexpr std::int64_t kItems = 32 / static_cast<std::int64_t>(sizeof(Id));
    const __m256i none = V::all(kIgnoreLabel);
    const __m256i one = V::all(1);
    const __m256i mask = V::all(static_cast<std::int64_t>(to.mask_id));
    const auto put = [](Id* at, __m256i values)
                         PYPACK_TARGET_AVX2 { _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), values); };
    std::int64_t i = 0;
    for (; i < count && reinterpret_cast<std::uintptr_t>(to.ids + i) % 32 != 0; ++i) {
        write_one(i, static_cast<Id>(tokens[i]), to, choice);
    }
    while (i + kItems <= count) {
        const std::int64_t items = count - i < 64 ? (count - i) / kItems * kItems : 64;
        std::uint64_t chosen = bits_from(choice.chosen, i);
        std::uint64_t masked = chosen & bits_from(choice.masked, i);
        std::uint64_t unlearned = to.tells_chosen ? bits_from(choice.unlearned, i) : 0;
        for (const std::int64_t end = i + items; i < end; i += kItems) {
            const __m256i values = V::load(tokens + i);
            const __m256i here = V::lanes_of(chosen);
            if (to.originals != nullptr) put(to.originals + i, values);
            if (to.tells_chosen) {
                put(to.labels + i,
                    _mm256_blendv_epi8(_mm256_and_si256(here, one), none, V::lanes_of(unlearned)));
            } else {
                put(to.labels + i, _mm256_blendv_epi8(none, values, here));
            }
            put(to.ids + i, _mm256_blendv_epi8(values, mask, V::lanes_of(masked)));
            chosen >>= kItems;
            masked >>= kItems;
            unlearned >>= kItems;
        }
    }
    for (; i < count; ++i) write_one(i, static_cast<Id>(tokens[i]), to, choice);
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
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i load(Lanes lanes, const std::int32_t* at) {
        return _mm512_maskz_cvtepi32_epi64(0xff, _mm256_maskz_loadu_epi32(lanes, at));
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i load(Lanes lanes, const std::uint16_t* at) {
        return _mm512_maskz_cvtepu16_epi64(0xff, _mm_maskz_loadu_epi16(lanes, at));
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static void store(Lanes lanes, Id* at, __m512i values) {
        _mm512_mask_storeu_epi64(at, lanes, values);
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i choose(Lanes lanes, __m512i there, __m512i elsewhere) {
        return _mm512_mask_mov_epi64(elsewhere, lanes, there);
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i only(Lanes lanes, __m512i there) {
        return _mm512_maskz_mov_epi64(lanes, there);
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i spread(std::uint64_t bits) {
        return _mm512_set1_epi64(static_cast<long long>(bits));
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
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i load(Lanes lanes, const std::uint16_t* at) {
        return _mm512_maskz_cvtepu16_epi32(0xffff, _mm256_maskz_loadu_epi16(lanes, at));
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static void store(Lanes lanes, Id* at, __m512i values) {
        _mm512_mask_storeu_epi32(at, lanes, values);
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i choose(Lanes lanes, __m512i there, __m512i elsewhere) {
        return _mm512_mask_mov_epi32(elsewhere, lanes, there);
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i only(Lanes lanes, __m512i there) {
        return _mm512_maskz_mov_epi32(lanes, there);
    }
    PYPACK_TARGET_AVX512 PYPACK_INLINE static __m512i spread(std::uint64_t bits) {
        return _mm512_set1_epi64(static_cast<long long>(bits));
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

// A cache line of ids at a time.
template <bool tells, typename Token, typename Id>
PYPACK_TARGET_AVX512 void write_avx512(const Token* tokens, std::int64_t count, const PieceArrays<Id>& to,
                                       const PieceChoice& choice) {
    using V = Vectors<Id>;
    using Lanes = typename V::Lanes;
    constexpr std::int64_t kItems = 64 / static_cast<std::int64_t>(sizeof(Id));
    constexpr auto kAll = static_cast<Lanes>(~Lanes{0});
    const __m512i none = V::all(static_cast<std::uint64_t>(kIgnoreLabel));
    const __m512i one = V::all(1);
    const __m512i mask = V::all(static_cast<std::uint64_t>(to.mask_id));
    Id* const ids = to.ids;
    Id* const labels = to.labels;
    Id* const originals = to.originals;
    const auto write = [&](std::int64_t i, Lanes lanes, Lanes here, Lanes masks,
                           Lanes unlearned) PYPACK_TARGET_AVX512 {
        const __m512i values = V::load(lanes, tokens + i);
        if (originals != nullptr) V::store(lanes, originals + i, values);
        if constexpr (tells) {
            V::store(lanes, labels + i, V::choose(unlearned, none, V::only(here, one)));
        } else {
            V::store(lanes, labels + i, V::choose(here, values, none));
        }
        V::store(lanes, ids + i, V::choose(masks, mask, values));
    };
    const auto some = [&](std::int64_t i, std::int64_t items) PYPACK_TARGET_AVX512 {
        const std::uint64_t here = bits_from(choice.chosen, i);
        const std::uint64_t unlearned = tells ? bits_from(choice.unlearned, i) : 0;
        write(i, static_cast<Lanes>((std::uint64_t{1} << items) - 1), static_cast<Lanes>(here),
              static_cast<Lanes>(here & bits_from(choice.masked, i)), static_cast<Lanes>(unlearned));
    };
    std::int64_t i = 0;
    const auto off = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(ids) % 64 / sizeof(Id));
    if (off != 0) {
        i = count < kItems - off ? count : kItems - off;
        some(0, i);
    }
    for (; i + 64 <= count; i += 64) {
        const std::uint64_t here = bits_from(choice.chosen, i);
        const __m512i bits = V::spread(here);
        const __m512i masks = V::spread(here & bits_from(choice.masked, i));
        const __m512i unlearned = V::spread(tells ? bits_from(choice.unlearned, i) : 0);
        for (std::int64_t j = 0; j < 64; j += kItems) {
            write(i + j, kAll, V::lanes_of(bits, j), V::lanes_of(masks, j),
                  tells ? V::lanes_of(unlearned, j) : Lanes{0});
        }
    }
    for (; i < count; i += kItems) some(i, count - i < kItems ? count - i : kItems);
}

template <typename Token, typename Id>
PYPACK_TARGET_AVX512 void write_unchosen_avx512(const Token* tokens, std::int64_t count, Id* ids, Id* labels,
                                                Id* originals) {
    using V = Vectors<Id>;
    using Lanes = typename V::Lanes;
    constexpr std::int64_t kItems = 64 / static_cast<std::int64_t>(sizeof(Id));
    constexpr auto kAll = static_cast<Lanes>(~Lanes{0});
    const __m512i none = V::all(static_cast<std::uint64_t>(kIgnoreLabel));
    const auto write = [&](std::int64_t i, Lanes lanes) PYPACK_TARGET_AVX512 {
        const __m512i values = V::load(lanes, tokens + i);
        V::store(lanes, ids + i, values);
        V::store(lanes, labels + i, none);
        if (originals != nullptr) V::store(lanes, originals + i, values);
    };
    const auto some = [&](std::int64_t i, std::int64_t items) PYPACK_TARGET_AVX512 {
        write(i, static_cast<Lanes>((std::uint64_t{1} << items) - 1));
    };
    std::int64_t i = 0;
    const auto off = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(ids) % 64 / sizeof(Id));
    if (off != 0) {
        i = count < kItems - off ? count : kItems - off;
        some(0, i);
    }
    for (; i + kItems <= count; i += kItems) write(i, kAll);
    if (i < count) some(i, count - i);
}

#endif

}  // namespace

template <typename Token, typename Id>
void write_unchosen(const Token* tokens, std::int64_t count, Id* ids, Id* labels, Id* originals,
                    Instructions instructions) {
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) {
        return write_unchosen_avx512(tokens, count, ids, labels, originals);
    }
#endif
    static const PieceChoice kNone{};
    for (std::int64_t i = 0; i < count; i += kChosenPiece) {
        Id* const before = originals == nullptr ? nullptr : originals + i;
        write_piece(tokens + i, count - i < kChosenPiece ? count - i : kChosenPiece,
                    PieceArrays<Id>{ids + i, labels + i, before, false, 0}, kNone, instructions);
    }
}

template <typename Token, typename Id>
void write_piece(const Token* tokens, std::int64_t count, const PieceArrays<Id>& to,
                 const PieceChoice& choice, Instructions instructions) {
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) {
        if (to.tells_chosen) return write_avx512<true>(tokens, count, to, choice);
        return write_avx512<false>(tokens, count, to, choice);
    }
    if (instructions == Instructions::kAvx2) return write_avx2(tokens, count, to, choice);
#else
    (void)instructions;
#endif
    write_plainly(tokens, count, to, choice);
}

#define PYPACK_INSTANTIATE_PIECE(Token, Id)                                                           \
    template void write_piece(const Token*, std::int64_t, const PieceArrays<Id>&, const PieceChoice&, \
                              Instructions);                                                          \
    template void write_unchosen(const Token*, std::int64_t, Id*, Id*, Id*, Instructions);
PYPACK_INSTANTIATE_PIECE(std::uint16_t, std::int64_t)
PYPACK_INSTANTIATE_PIECE(std::int32_t, std::int64_t)
PYPACK_INSTANTIATE_PIECE(std::int64_t, std::int64_t)
PYPACK_INSTANTIATE_PIECE(std::uint16_t, std::int32_t)
PYPACK_INSTANTIATE_PIECE(std::int32_t, std::int32_t)
#undef PYPACK_INSTANTIATE_PIECE

PYPACK_SIMD_CLONES
void write_loss_mask(float* loss_mask, std::int64_t count, const PieceBits& bits, bool value) {
    const std::uint64_t flip = value ? 0 : 1;
    for (std::int64_t i = 0; i < count; ++i) {
        loss_mask[i] = static_cast<float>((bits[i / 64] >> (i % 64) & 1U) ^ flip);
    }
}

}  // namespace pypack
