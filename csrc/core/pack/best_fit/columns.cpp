#include "pack/best_fit/columns.hpp"

#include <cstring>

#include "common/prefetch.hpp"
#include "common/simd.hpp"

namespace pypack {

namespace {

constexpr std::int64_t kLine = 8;  // words

PYPACK_INLINE void move_on(std::uint64_t*& column, int num_rows) {
    column += num_rows;
    prefetch_to_write(column + kLine);
}

// Columns [begin, end) of rows from `first_row` on.
PYPACK_INLINE void write_columns(const std::uint64_t* const* rows, int first_row, int num_rows,
                                 std::int64_t begin, std::int64_t end, std::uint64_t** columns) {
    for (std::int64_t i = begin; i < end; ++i) {
        for (int j = first_row; j < num_rows; ++j) {
            std::memcpy(columns[i] + j, rows[j] + i, sizeof(std::uint64_t));
        }
        move_on(columns[i], num_rows);
    }
}

#if PYPACK_X86_DISPATCH

// Four columns at a time of four rows at a time, as far as there are whole ones.
PYPACK_TARGET_AVX2 void write_columns_avx2(const std::uint64_t* const* rows, int num_rows, std::int64_t count,
                                           std::uint64_t** columns) {
    constexpr int kWidth = 4;
    std::int64_t i = 0;
    for (; i + kWidth <= count; i += kWidth) {
        int j = 0;
        for (; j + kWidth <= num_rows; j += kWidth) {
            const auto row = [&](int k) PYPACK_TARGET_AVX2 {
                return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[j + k] + i));
            };
            const auto put = [&](int k, __m256i words) PYPACK_TARGET_AVX2 {
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(columns[i + k] + j), words);
            };
            const __m256i even01 = _mm256_unpacklo_epi64(row(0), row(1));
            const __m256i odd01 = _mm256_unpackhi_epi64(row(0), row(1));
            const __m256i even23 = _mm256_unpacklo_epi64(row(2), row(3));
            const __m256i odd23 = _mm256_unpackhi_epi64(row(2), row(3));
            put(0, _mm256_permute2x128_si256(even01, even23, 0x20));
            put(1, _mm256_permute2x128_si256(odd01, odd23, 0x20));
            put(2, _mm256_permute2x128_si256(even01, even23, 0x31));
            put(3, _mm256_permute2x128_si256(odd01, odd23, 0x31));
        }
        write_columns(rows, j, num_rows, i, i + kWidth, columns);
    }
    write_columns(rows, 0, num_rows, i, count, columns);
}

// Of operations without a mask GCC warns: what they leave alone would be uninitialised.
constexpr __mmask8 kAll = 0xff;

// Eight columns at a time.
PYPACK_TARGET_AVX512 void write_columns_avx512(const std::uint64_t* const* rows, int num_rows,
                                               std::int64_t count, std::uint64_t** columns) {
    const auto written = static_cast<__mmask8>((1U << num_rows) - 1);
    // Rows that are not there are read from one that is, and not written.
    const std::uint64_t* from[kMostRows];
    for (int j = 0; j < kMostRows; ++j) from[j] = rows[j < num_rows ? j : 0];
    std::int64_t i = 0;
    for (; i + kMostRows <= count; i += kMostRows) {
        const auto put = [&](std::int64_t k, __m512i words) PYPACK_TARGET_AVX512 {
            _mm512_mask_storeu_epi64(columns[k], written, words);
            move_on(columns[k], num_rows);
        };
        // Pairs of words of two rows, then fours of them, then all eight: of the even columns, then the odd.
        const auto put_four = [&](std::int64_t k, __m512i of01, __m512i of23, __m512i of45,
                                  __m512i of67) PYPACK_TARGET_AVX512 {
            const __m512i lower0 = _mm512_maskz_shuffle_i64x2(kAll, of01, of23, 0x44);
            const __m512i lower4 = _mm512_maskz_shuffle_i64x2(kAll, of45, of67, 0x44);
            const __m512i upper0 = _mm512_maskz_shuffle_i64x2(kAll, of01, of23, 0xee);
            const __m512i upper4 = _mm512_maskz_shuffle_i64x2(kAll, of45, of67, 0xee);
            put(k, _mm512_maskz_shuffle_i64x2(kAll, lower0, lower4, 0x88));
            put(k + 2, _mm512_maskz_shuffle_i64x2(kAll, lower0, lower4, 0xdd));
            put(k + 4, _mm512_maskz_shuffle_i64x2(kAll, upper0, upper4, 0x88));
            put(k + 6, _mm512_maskz_shuffle_i64x2(kAll, upper0, upper4, 0xdd));
        };
        __m512i row[kMostRows];
        for (int j = 0; j < kMostRows; ++j) row[j] = _mm512_loadu_si512(from[j] + i);
        __m512i even[4];
        __m512i odd[4];
        for (int j = 0; j < 4; ++j) {
            even[j] = _mm512_maskz_unpacklo_epi64(kAll, row[2 * j], row[2 * j + 1]);
            odd[j] = _mm512_maskz_unpackhi_epi64(kAll, row[2 * j], row[2 * j + 1]);
        }
        put_four(i, even[0], even[1], even[2], even[3]);
        put_four(i + 1, odd[0], odd[1], odd[2], odd[3]);
    }
    write_columns(rows, 0, num_rows, i, count, columns);
}

#endif

}  // namespace

void rows_to_columns(const std::uint64_t* const* rows, int num_rows, std::int64_t count,
                     std::uint64_t** columns, [[maybe_unused]] Instructions instructions) {
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) return write_columns_avx512(rows, num_rows, count, columns);
    if (instructions == Instructions::kAvx2) return write_columns_avx2(rows, num_rows, count, columns);
#endif
    write_columns(rows, 0, num_rows, 0, count, columns);
}

}  // namespace pypack
