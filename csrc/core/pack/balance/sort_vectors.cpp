#include "pack/balance/sort_vectors.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <limits>

#include "common/simd.hpp"

namespace pypack {

#if PYPACK_X86_DISPATCH

namespace {

constexpr std::size_t kKeysAVector = 8;

// Compilers take what the variants without masks leave undefined for a mistake.
constexpr __mmask8 kAll = 0xff;

PYPACK_TARGET_AVX512 PYPACK_INLINE __m512i load(const std::uint64_t* keys) {
    return _mm512_loadu_si512(keys);
}

PYPACK_TARGET_AVX512 PYPACK_INLINE void store(std::uint64_t* keys, __m512i value) {
    _mm512_storeu_si512(keys, value);
}

PYPACK_TARGET_AVX512 PYPACK_INLINE void order(__m512i& a, __m512i& b) {
    const __m512i least = _mm512_maskz_min_epu64(kAll, a, b);
    b = _mm512_maskz_max_epu64(kAll, a, b);
    a = least;
}

// The lesser of two keys of the lower lanes, the greater one of the `upper` lanes.
PYPACK_TARGET_AVX512 PYPACK_INLINE __m512i order_with(__m512i keys, __m512i other, __mmask8 upper) {
    return _mm512_mask_max_epu64(_mm512_maskz_min_epu64(kAll, keys, other), upper, keys, other);
}

// Orders every lane with that `stride` lanes away.
template <int stride>
PYPACK_TARGET_AVX512 PYPACK_INLINE __m512i order_lanes(__m512i keys) {
    if constexpr (stride == 4) {
        return order_with(keys, _mm512_maskz_shuffle_i64x2(kAll, keys, keys, 0x4e), 0xf0);
    } else if constexpr (stride == 2) {
        return order_with(keys, _mm512_maskz_permutex_epi64(kAll, keys, 0x4e), 0xcc);
    } else {
        return order_with(keys, _mm512_maskz_permutex_epi64(kAll, keys, 0xb1), 0xaa);
    }
}

PYPACK_TARGET_AVX512 PYPACK_INLINE __m512i reversed(__m512i keys) {
    return _mm512_maskz_permutexvar_epi64(kAll, _mm512_set_epi64(0, 1, 2, 3, 4, 5, 6, 7), keys);
}

// Sorts keys that rise and then fall.
PYPACK_TARGET_AVX512 PYPACK_INLINE __m512i sort_bitonic(__m512i keys) {
    return order_lanes<1>(order_lanes<2>(order_lanes<4>(keys)));
}

// Every vector by itself.
PYPACK_TARGET_AVX512 PYPACK_INLINE __m512i sort_vector(__m512i keys) {
    const __m512i pairs = _mm512_set_epi64(6, 7, 4, 5, 2, 3, 0, 1);
    const __m512i fours = _mm512_set_epi64(4, 5, 6, 7, 0, 1, 2, 3);
    keys = order_with(keys, _mm512_maskz_permutexvar_epi64(kAll, pairs, keys), 0xaa);
    keys = order_with(keys, _mm512_maskz_permutexvar_epi64(kAll, fours, keys), 0xcc);
    keys = order_lanes<1>(keys);
    keys = order_with(keys, reversed(keys), 0xf0);
    return order_lanes<1>(order_lanes<2>(keys));
}

// Sorts vectors of keys that rise and then fall.
template <std::size_t kVectors>
PYPACK_TARGET_AVX512 PYPACK_INLINE void sort_bitonic(__m512i* keys) {
#pragma GCC unroll 4
    for (std::size_t half = kVectors / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kVectors; ++i) {
            if ((i & half) == 0) order(keys[i], keys[i + half]);
        }
    }
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kVectors; ++i) keys[i] = sort_bitonic(keys[i]);
}

// The same in memory, of more vectors than there are registers for.
template <std::size_t kInRegisters>
PYPACK_TARGET_AVX512 PYPACK_INLINE void sort_bitonic(std::uint64_t* keys, std::size_t vectors) {
    constexpr std::size_t k = kKeysAVector;
    for (std::size_t half = vectors / 2; half >= kInRegisters; half /= 2) {
        for (std::size_t begin = 0; begin < vectors; begin += 2 * half) {
            for (std::size_t i = begin; i < begin + half; ++i) {
                __m512i a = load(keys + i * k);
                __m512i b = load(keys + (i + half) * k);
                order(a, b);
                store(keys + i * k, a);
                store(keys + (i + half) * k, b);
            }
        }
    }
    for (std::size_t begin = 0; begin < vectors; begin += kInRegisters) {
        __m512i few[kInRegisters];
        for (std::size_t i = 0; i < kInRegisters; ++i) few[i] = load(keys + (begin + i) * k);
        sort_bitonic<kInRegisters>(few);
        for (std::size_t i = 0; i < kInRegisters; ++i) store(keys + (begin + i) * k, few[i]);
    }
}

// Two sorted runs of `run` vectors each, one behind the other, become one.
template <std::size_t kInRegisters>
PYPACK_TARGET_AVX512 PYPACK_INLINE void merge_runs(std::uint64_t* keys, std::size_t run) {
    constexpr std::size_t k = kKeysAVector;
    // The second run backwards: the least of it beside the most of the first.
    for (std::size_t i = 0; i < run; ++i) {
        std::uint64_t* const first = keys + i * k;
        std::uint64_t* const second = keys + (2 * run - 1 - i) * k;
        __m512i a = load(first);
        __m512i b = reversed(load(second));
        order(a, b);
        store(first, a);
        store(second, reversed(b));
    }
    sort_bitonic<kInRegisters>(keys, run);
    sort_bitonic<kInRegisters>(keys + run * k, run);
}

// `vectors` is a power of two.
PYPACK_TARGET_AVX512 void sort_avx512(std::uint64_t* keys, std::size_t vectors) {
    for (std::size_t i = 0; i < vectors; ++i) {
        store(keys + i * kKeysAVector, sort_vector(load(keys + i * kKeysAVector)));
    }
    for (std::size_t run = 1; run < vectors; run *= 2) {
        for (std::size_t begin = 0; begin < vectors; begin += 2 * run) {
            std::uint64_t* const runs = keys + begin * kKeysAVector;
            if (run == 1) {
                merge_runs<1>(runs, run);
            } else if (run == 2) {
                merge_runs<2>(runs, run);
            } else if (run == 4) {
                merge_runs<4>(runs, run);
            } else {
                merge_runs<8>(runs, run);
            }
        }
    }
}

}  // namespace

#endif

bool sort_in_vectors([[maybe_unused]] std::vector<std::uint64_t>& keys, Instructions instructions) {
    [[maybe_unused]] const Instructions chosen = resolve(instructions);
#if PYPACK_X86_DISPATCH
    const std::size_t size = keys.size();
    if (chosen != Instructions::kAvx512 || size > kMostInVectors) return false;
    if (size < 2) return true;
    const std::size_t vectors = std::bit_ceil((size + kKeysAVector - 1) / kKeysAVector);
    keys.resize(vectors * kKeysAVector, std::numeric_limits<std::uint64_t>::max());
    sort_avx512(keys.data(), vectors);
    keys.resize(size);
    return true;
#else
    return false;
#endif
}

void sort_few_keys(std::vector<std::uint64_t>& keys) {
    if (!sort_in_vectors(keys)) std::sort(keys.begin(), keys.end());
}

}  // namespace pypack
