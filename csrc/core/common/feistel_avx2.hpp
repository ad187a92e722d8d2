// The rounds of Permutation on sixteen blocks at a time, for machines with AVX2.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/random.hpp"
#include "common/simd.hpp"

#if PYPACK_X86_DISPATCH

namespace pypack {

// A product of 64-bit lanes, which AVX2 has not: of the low halves in full, and the low halves of the cross
// products. `swapped` is the factor with its halves exchanged.
PYPACK_TARGET_AVX2 PYPACK_INLINE __m256i multiply(__m256i a, __m256i factor, __m256i swapped) {
    const __m256i cross = _mm256_mullo_epi32(a, swapped);
    const __m256i high = _mm256_add_epi32(cross, _mm256_srli_epi64(cross, 32));
    return _mm256_add_epi64(_mm256_mul_epu32(a, factor), _mm256_slli_epi64(high, 32));
}

PYPACK_TARGET_AVX2 PYPACK_INLINE __m256i broadcast(std::uint64_t value) {
    return _mm256_set1_epi64x(static_cast<long long>(value));
}

// mix64 of every lane.
PYPACK_TARGET_AVX2 PYPACK_INLINE __m256i mix64_lanes(__m256i x) {
    constexpr auto swap = [](std::uint64_t value) { return value << 32 | value >> 32; };
    x = _mm256_xor_si256(x, _mm256_srli_epi64(x, 30));
    x = multiply(x, broadcast(kMixFirst), broadcast(swap(kMixFirst)));
    x = _mm256_xor_si256(x, _mm256_srli_epi64(x, 27));
    x = multiply(x, broadcast(kMixSecond), broadcast(swap(kMixSecond)));
    return _mm256_xor_si256(x, _mm256_srli_epi64(x, 31));
}

// Encrypts the first blocks, sixteen at a time, and returns how many: 1.6 times as fast as four at a time
// without vectors (gcc 12, Zen 3), and with fewer vectors side by side it waits for its own arithmetic.
PYPACK_TARGET_AVX2 inline std::size_t encrypt_avx2(std::uint64_t* blocks, std::size_t n, int half_bits,
                                                   std::uint64_t half_mask, const std::uint64_t* keys,
                                                   int rounds) {
    constexpr std::size_t kVectors = 4;
    constexpr std::size_t kLanes = 4;
    const __m256i mask = broadcast(half_mask);
    const __m128i shift = _mm_cvtsi32_si128(half_bits);
    std::size_t i = 0;
    for (; i + kVectors * kLanes <= n; i += kVectors * kLanes) {
        __m256i left[kVectors];
        __m256i right[kVectors];
        for (std::size_t v = 0; v < kVectors; ++v) {
            const __m256i block =
                _mm256_loadu_si256(reinterpret_cast<const __m256i*>(blocks + i + v * kLanes));
            left[v] = _mm256_srl_epi64(block, shift);
            right[v] = _mm256_and_si256(block, mask);
        }
        // Left and right take turns as the half that is replaced.
        for (int round = 0; round < rounds; round += 2) {
            const __m256i first = broadcast(keys[round]);
            const __m256i second = broadcast(keys[round + 1]);
            for (std::size_t v = 0; v < kVectors; ++v) {
                const __m256i mixed = mix64_lanes(_mm256_add_epi64(right[v], first));
                left[v] = _mm256_xor_si256(left[v], _mm256_and_si256(mixed, mask));
            }
            for (std::size_t v = 0; v < kVectors; ++v) {
                const __m256i mixed = mix64_lanes(_mm256_add_epi64(left[v], second));
                right[v] = _mm256_xor_si256(right[v], _mm256_and_si256(mixed, mask));
            }
        }
        for (std::size_t v = 0; v < kVectors; ++v) {
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(blocks + i + v * kLanes),
                                _mm256_or_si256(_mm256_sll_epi64(left[v], shift), right[v]));
        }
    }
    return i;
}

}  // namespace pypack

#endif
