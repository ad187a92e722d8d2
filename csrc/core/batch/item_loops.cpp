#include "batch/item_loops.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "common/instructions.hpp"
#include "common/simd.hpp"
#include "common/types.hpp"
#include "store/mask_bits.hpp"

namespace pypack {

namespace {

#if PYPACK_X86_DISPATCH

constexpr std::int64_t kVectorBytes = 32;

// As many tokens as fill a vector of Ids.
PYPACK_TARGET_AVX2 inline __m256i load(const std::uint16_t* tokens, std::int64_t) {
    return _mm256_cvtepu16_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(tokens)));
}
PYPACK_TARGET_AVX2 inline __m256i load(const std::uint16_t* tokens, std::int32_t) {
    return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(tokens)));
}
PYPACK_TARGET_AVX2 inline __m256i load(const std::int32_t* tokens, std::int64_t) {
    return _mm256_cvtepi32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(tokens)));
}

template <typename Id>
PYPACK_TARGET_AVX2 inline void store(Id* out, __m256i ids) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), ids);
}

// One instruction widens a vector, where compilers load whole vectors of the narrow type and take them apart
// step by step: 1.6 us against 2.8 us for 16,384 uint16 as int64 (gcc 12). Stores that do not cross cache
// lines save a third again, so that the first items go one by one. `b` may be null.
template <typename Token, typename Id>
PYPACK_TARGET_AVX2 void widen_avx2(const Token* tokens, std::int64_t n, Id* a, Id* b) {
    constexpr std::int64_t kIds = kVectorBytes / static_cast<std::int64_t>(sizeof(Id));
    std::int64_t i = 0;
    const auto one = [&] {
        a[i] = static_cast<Id>(tokens[i]);
        if (b != nullptr) b[i] = static_cast<Id>(tokens[i]);
        ++i;
    };
    while (i < n && reinterpret_cast<std::uintptr_t>(a + i) % kVectorBytes != 0) one();
    if (b == nullptr) {
        for (; i + 4 * kIds <= n; i += 4 * kIds) {
            for (std::int64_t j = 0; j < 4; ++j) store(a + i + j * kIds, load(tokens + i + j * kIds, Id{}));
        }
    } else {
        for (; i + 2 * kIds <= n; i += 2 * kIds) {
            for (std::int64_t j = 0; j < 2; ++j) {
                const __m256i ids = load(tokens + i + j * kIds, Id{});
                store(a + i + j * kIds, ids);
                store(b + i + j * kIds, ids);
            }
        }
    }
    while (i < n) one();
}

// Sixteen bits of a mask from `bit` on; the two bytes behind them may be read, too.
inline std::uint32_t sixteen_bits(const std::byte* mask, std::int64_t bit) {
    std::uint32_t four = 0;
    std::memcpy(&four, mask + bit / 8, sizeof four);
    return four >> (bit % 8);
}

// Eight bits, of the one or two bytes that hold them.
inline std::uint32_t eight_bits(const std::byte* mask, std::int64_t bit) {
    const std::int64_t shift = bit % 8;
    auto bits = std::to_integer<std::uint32_t>(mask[bit / 8]);
    if (shift != 0) bits |= std::to_integer<std::uint32_t>(mask[bit / 8 + 1]) << 8;
    return bits >> shift;
}

// A lane all ones where its bit is 1.
PYPACK_TARGET_AVX2 inline __m256i lanes_of(std::uint32_t bits, std::int64_t) {
    const __m256i places = _mm256_set_epi64x(8, 4, 2, 1);
    const __m256i all = _mm256_set1_epi64x(static_cast<long long>(bits));
    return _mm256_cmpeq_epi64(_mm256_and_si256(all, places), places);
}
PYPACK_TARGET_AVX2 inline __m256i lanes_of(std::uint32_t bits, std::int32_t) {
    const __m256i places = _mm256_set_epi32(128, 64, 32, 16, 8, 4, 2, 1);
    const __m256i all = _mm256_set1_epi32(static_cast<int>(bits));
    return _mm256_cmpeq_epi32(_mm256_and_si256(all, places), places);
}

PYPACK_TARGET_AVX2 inline __m256i ignored(std::int64_t) {
    return _mm256_set1_epi64x(kIgnoreLabel);
}
PYPACK_TARGET_AVX2 inline __m256i ignored(std::int32_t) {
    return _mm256_set1_epi32(kIgnoreLabel);
}

// Sixteen items a step, in the one pass that copies them: to write the labels first and then those that are
// masked once more took two thirds longer (8 x 8192 tokens, half of them masked), this an eighth.
template <typename Token, typename Id>
PYPACK_TARGET_AVX2 void widen_masked_avx2(const Token* tokens, std::int64_t n, Id* ids, Id* labels,
                                          const std::byte* mask, std::int64_t first_bit) {
    constexpr int kIds = kVectorBytes / static_cast<int>(sizeof(Id));
    std::int64_t i = 0;
    const auto one = [&] {
        const std::int64_t bit = first_bit + i;
        const auto byte = std::to_integer<unsigned>(mask[bit / 8]);
        const auto id = static_cast<Id>(tokens[i]);
        const auto keep = static_cast<Id>(-static_cast<Id>(byte >> (bit % 8) & 1U));  // no branch: bits vary
        ids[i] = id;
        labels[i] = static_cast<Id>((id & keep) | (static_cast<Id>(kIgnoreLabel) & ~keep));
        ++i;
    };
    while (i < n && reinterpret_cast<std::uintptr_t>(ids + i) % kVectorBytes != 0) one();
    const __m256i none = ignored(Id{});
    const auto several = [&](std::uint32_t bits, int items) PYPACK_TARGET_AVX2 {
        for (int part = 0; part < items / kIds; ++part) {
            const std::int64_t at = i + part * kIds;
            const __m256i values = load(tokens + at, Id{});
            store(ids + at, values);
            store(labels + at, _mm256_blendv_epi8(none, values, lanes_of(bits >> (part * kIds), Id{})));
        }
        i += items;
    };
    while (i + 32 <= n) several(sixteen_bits(mask, first_bit + i), 16);  // reads no byte behind the mask
    while (i + 8 <= n) several(eight_bits(mask, first_bit + i), 8);
    while (i < n) one();
}

// Tokens that fill 64 bytes of Ids.
PYPACK_TARGET_AVX512 inline __m512i load_wide(const std::uint16_t* tokens, std::int64_t) {
    return _mm512_maskz_cvtepu16_epi64(0xFF, _mm_loadu_si128(reinterpret_cast<const __m128i*>(tokens)));
}
PYPACK_TARGET_AVX512 inline __m512i load_wide(const std::uint16_t* tokens, std::int32_t) {
    return _mm512_maskz_cvtepu16_epi32(0xFFFF, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(tokens)));
}
PYPACK_TARGET_AVX512 inline __m512i load_wide(const std::int32_t* tokens, std::int64_t) {
    return _mm512_maskz_cvtepi32_epi64(0xFF, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(tokens)));
}
// The values whose bits are 1, and the others as ignored.
PYPACK_TARGET_AVX512 inline __m512i learned(__m512i values, std::uint64_t bits, std::int64_t) {
    return _mm512_mask_mov_epi64(_mm512_set1_epi64(kIgnoreLabel), static_cast<__mmask8>(bits), values);
}
PYPACK_TARGET_AVX512 inline __m512i learned(__m512i values, std::uint64_t bits, std::int32_t) {
    return _mm512_mask_mov_epi32(_mm512_set1_epi32(kIgnoreLabel), static_cast<__mmask16>(bits), values);
}

// The bits of a mask choose among the items of a vector as they are. What is left at either end is done as
// one more vector, over items that are done already.
template <typename Token, typename Id>
PYPACK_TARGET_AVX512 void widen_masked_avx512(const Token* tokens, std::int64_t n, Id* ids, Id* labels,
                                              const std::byte* mask, std::int64_t first_bit) {
    constexpr std::int64_t kBytes = 64;
    constexpr auto kIds = kBytes / static_cast<std::int64_t>(sizeof(Id));
    const auto vector = [&](std::int64_t at, std::uint64_t bits) PYPACK_TARGET_AVX512 {
        const __m512i values = load_wide(tokens + at, Id{});
        _mm512_storeu_si512(ids + at, values);
        _mm512_storeu_si512(labels + at, learned(values, bits, Id{}));
    };
    const auto vector_at = [&](std::int64_t at) PYPACK_TARGET_AVX512 {
        std::uint64_t bits = eight_bits(mask, first_bit + at);
        if constexpr (kIds == 16)
            bits = (bits & 0xFF) | std::uint64_t{eight_bits(mask, first_bit + at + 8)} << 8;
        vector(at, bits);
    };
    if (n < kIds) {
        for (std::int64_t i = 0; i < n; ++i) {
            const std::int64_t bit = first_bit + i;
            const bool is_learned = (std::to_integer<unsigned>(mask[bit / 8]) >> (bit % 8) & 1U) != 0;
            ids[i] = static_cast<Id>(tokens[i]);
            labels[i] = is_learned ? ids[i] : static_cast<Id>(kIgnoreLabel);
        }
        return;
    }
    vector_at(0);
    const auto off = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(ids) % kBytes);
    std::int64_t i = off == 0 ? kIds : (kBytes - off) / static_cast<std::int64_t>(sizeof(Id));
    for (; i + 64 <= n; i += 32) {  // reads no byte behind the mask
        const std::int64_t bit = first_bit + i;
        std::uint64_t bits = 0;
        std::memcpy(&bits, mask + bit / 8, sizeof bits);
        bits >>= bit % 8;
        for (std::int64_t j = 0; j < 32; j += kIds) vector(i + j, bits >> j);
    }
    for (; i + kIds <= n; i += kIds) vector_at(i);
    if (i < n) vector_at(n - kIds);
}

template <typename Token, typename Id>
constexpr bool kByAvx2 =
    std::is_same_v<Token, std::uint16_t> || (std::is_same_v<Token, std::int32_t> && sizeof(Id) == 8);

#endif

// Concrete functions, because target_clones does not apply to templates.
#define PYPACK_DEFINE_WIDEN(T, Id)                                                                         \
    PYPACK_SIMD_CLONES void widen_loop(const T* __restrict tokens, std::int64_t n, Id* __restrict out) {   \
        for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<Id>(tokens[i]);                          \
    }                                                                                                      \
    PYPACK_SIMD_CLONES void widen_twice_loop(const T* __restrict tokens, std::int64_t n, Id* __restrict a, \
                                             Id* __restrict b) {                                           \
        for (std::int64_t i = 0; i < n; ++i) a[i] = b[i] = static_cast<Id>(tokens[i]);                     \
    }
#define PYPACK_FOR_EACH_TOKEN(Do, Id)                                                                        \
    Do(std::uint8_t, Id) Do(std::int8_t, Id) Do(std::uint16_t, Id) Do(std::int16_t, Id) Do(std::int32_t, Id) \
        Do(std::int64_t, Id)
PYPACK_FOR_EACH_TOKEN(PYPACK_DEFINE_WIDEN, std::int32_t)
PYPACK_FOR_EACH_TOKEN(PYPACK_DEFINE_WIDEN, std::int64_t)
#undef PYPACK_DEFINE_WIDEN

#define PYPACK_DEFINE_COUNT(Id)                                                           \
    PYPACK_SIMD_CLONES void count_up_loop(Id* __restrict out, std::int64_t n, Id first) { \
        for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<Id>(first + i);         \
    }                                                                                     \
    PYPACK_SIMD_CLONES void set_all_loop(Id* __restrict out, std::int64_t n, Id value) {  \
        for (std::int64_t i = 0; i < n; ++i) out[i] = value;                              \
    }
PYPACK_DEFINE_COUNT(std::int32_t)
PYPACK_DEFINE_COUNT(std::int64_t)
#undef PYPACK_DEFINE_COUNT

}  // namespace

template <typename Token, typename Id>
void widen(const Token* tokens, std::int64_t n, Id* out) {
#if PYPACK_X86_DISPATCH
    if constexpr (kByAvx2<Token, Id>) {
        if (has_avx2()) return widen_avx2(tokens, n, out, static_cast<Id*>(nullptr));
    }
#endif
    widen_loop(tokens, n, out);
}

template <typename Token, typename Id>
void widen_twice(const Token* tokens, std::int64_t n, Id* a, Id* b) {
#if PYPACK_X86_DISPATCH
    if constexpr (kByAvx2<Token, Id>) {
        if (has_avx2()) return widen_avx2(tokens, n, a, b);
    }
#endif
    widen_twice_loop(tokens, n, a, b);
}

template <typename Token, typename Id>
void widen_masked(const Token* tokens, std::int64_t n, Id* ids, Id* labels, const std::byte* mask,
                  std::int64_t first_bit, Instructions instructions) {
#if PYPACK_X86_DISPATCH
    if constexpr (kByAvx2<Token, Id>) {
        const Instructions chosen = resolve(instructions);
        if (chosen == Instructions::kAvx512) {
            return widen_masked_avx512(tokens, n, ids, labels, mask, first_bit);
        }
        if (chosen == Instructions::kAvx2) {
            return widen_masked_avx2(tokens, n, ids, labels, mask, first_bit);
        }
    }
#endif
    (void)instructions;
    widen_twice_loop(tokens, n, ids, labels);
    MaskBits(mask, first_bit, n).for_each_zero_run([labels](std::int64_t first, std::int64_t last) {
        set_all(labels + first, last - first, static_cast<Id>(kIgnoreLabel));
    });
}

template <typename Id>
void count_up(Id* out, std::int64_t n, Id first) {
    count_up_loop(out, n, first);
}

template <typename Id>
void set_all(Id* out, std::int64_t n, Id value) {
    set_all_loop(out, n, value);
}

#define PYPACK_INSTANTIATE_WIDEN(Token, Id)                                                          \
    template void widen(const Token*, std::int64_t, Id*);                                            \
    template void widen_twice(const Token*, std::int64_t, Id*, Id*);                                 \
    template void widen_masked(const Token*, std::int64_t, Id*, Id*, const std::byte*, std::int64_t, \
                               Instructions);
PYPACK_FOR_EACH_TOKEN(PYPACK_INSTANTIATE_WIDEN, std::int32_t)
PYPACK_FOR_EACH_TOKEN(PYPACK_INSTANTIATE_WIDEN, std::int64_t)
#undef PYPACK_INSTANTIATE_WIDEN
#undef PYPACK_FOR_EACH_TOKEN
template void count_up(std::int32_t*, std::int64_t, std::int32_t);
template void count_up(std::int64_t*, std::int64_t, std::int64_t);
template void set_all(std::int32_t*, std::int64_t, std::int32_t);
template void set_all(std::int64_t*, std::int64_t, std::int64_t);

}  // namespace pypack
