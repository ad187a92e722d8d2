#include "batch/square_sums.hpp"

#include <cstddef>

#include "common/simd.hpp"

namespace pypack {

namespace {

void sum_portable(std::span<const std::span<const Length>> rows, std::uint64_t* sums) {
    for (const auto& row : rows) {
        std::uint64_t sum = 0;
        for (const std::int64_t length : row) sum += static_cast<std::uint64_t>(length * length);
        *sums++ = sum;
    }
}

#if PYPACK_X86_DISPATCH

// How many numbers a row has cannot be predicted; how many times sixteen mostly can.
PYPACK_TARGET_AVX512 void sum_avx512(std::span<const std::span<const Length>> rows, std::uint64_t* sums) {
    constexpr std::size_t kLanes = 16;
    // Compilers take what the variants without masks leave undefined for a mistake.
    constexpr __mmask8 kAll = 0xff;
    for (const auto& row : rows) {
        __m512i sum = _mm512_setzero_si512();
        for (std::size_t i = 0; i < row.size(); i += kLanes) {
            const std::size_t left = row.size() - i;
            const auto mask = static_cast<__mmask16>(
                _bzhi_u32(0xffff, static_cast<std::uint32_t>(left < kLanes ? left : kLanes)));
            const __m512i even = _mm512_maskz_loadu_epi32(mask, row.data() + i);
            const __m512i odd = _mm512_maskz_srli_epi64(kAll, even, 32);
            sum = _mm512_add_epi64(sum, _mm512_maskz_mul_epi32(kAll, even, even));
            sum = _mm512_add_epi64(sum, _mm512_maskz_mul_epi32(kAll, odd, odd));
        }
        const __m256i half = _mm256_add_epi64(_mm512_maskz_extracti64x4_epi64(kAll, sum, 0),
                                              _mm512_maskz_extracti64x4_epi64(kAll, sum, 1));
        const __m128i pair = _mm_add_epi64(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
        *sums++ = static_cast<std::uint64_t>(
            _mm_cvtsi128_si64(_mm_add_epi64(pair, _mm_unpackhi_epi64(pair, pair))));
    }
}

#endif

}  // namespace

void square_sums(std::span<const std::span<const Length>> rows, std::uint64_t* sums,
                 [[maybe_unused]] Instructions instructions) {
#if PYPACK_X86_DISPATCH
    if (resolve(instructions) == Instructions::kAvx512) return sum_avx512(rows, sums);
#endif
    sum_portable(rows, sums);
}

}  // namespace pypack
