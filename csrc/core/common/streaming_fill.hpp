// Fills of large outputs that go past the caches: a usual store reads each line first, which is half of the
// traffic, and drives out what the next pass wants.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>

#if defined(__x86_64__) || defined(_M_X64)
#include <emmintrin.h>
#define PYPACK_STREAMING_STORES 1
#else
#define PYPACK_STREAMING_STORES 0
#endif

namespace pypack {

// Smaller outputs stay in the cache, for who reads them next.
inline constexpr std::int64_t kLeastStreamedBytes = std::int64_t{1} << 18;

// out[i] = value.
inline void streaming_fill(std::int32_t* out, std::int64_t size, std::int32_t value) {
#if PYPACK_STREAMING_STORES
    constexpr auto kPerStore = static_cast<std::int64_t>(sizeof(__m128i) / sizeof(std::int32_t));
    if (size * static_cast<std::int64_t>(sizeof(std::int32_t)) >= kLeastStreamedBytes) {
        for (; reinterpret_cast<std::uintptr_t>(out) % sizeof(__m128i) != 0; --size) *out++ = value;
        const __m128i values = _mm_set1_epi32(value);
        for (; size >= kPerStore; size -= kPerStore, out += kPerStore) {
            _mm_stream_si128(reinterpret_cast<__m128i*>(out), values);
        }
        _mm_sfence();
    }
#endif
    std::fill_n(out, size, value);
}

// out[i] = first + i * step.
inline void streaming_count(std::int64_t* out, std::int64_t size, std::int64_t first, std::int64_t step) {
#if PYPACK_STREAMING_STORES
    if (size * static_cast<std::int64_t>(sizeof(std::int64_t)) >= kLeastStreamedBytes) {
        for (; reinterpret_cast<std::uintptr_t>(out) % sizeof(__m128i) != 0; --size, first += step) {
            *out++ = first;
        }
        __m128i values = _mm_set_epi64x(first + step, first);
        const __m128i steps = _mm_set1_epi64x(2 * step);
        for (; size >= 2; size -= 2, out += 2, first += 2 * step) {
            _mm_stream_si128(reinterpret_cast<__m128i*>(out), values);
            values = _mm_add_epi64(values, steps);
        }
        _mm_sfence();
    }
#endif
    for (; size > 0; --size, first += step) *out++ = first;
}

}  // namespace pypack
