#include "objective/sorted_sample.hpp"

#include <algorithm>
#include <bit>

#include "common/feistel_vectors.hpp"
#include "common/random.hpp"
#include "common/simd.hpp"
#include "objective/draws.hpp"

namespace pypack {

namespace {

constexpr std::size_t kGroup = 16;  // numbers that are drawn at a time, of eight draws
constexpr std::uint64_t kThinning = std::uint64_t{1} << 40;  // draws from here on say what is left out

// What succeeds among the next sixteen gaps from `place` on, which moves on.
std::size_t group_plainly(std::uint64_t draws, std::uint64_t index, const GapTable& table, std::int64_t limit,
                          std::int64_t& place, std::uint32_t* out) {
    std::size_t found = 0;
    for (std::size_t i = 0; i < kGroup; ++i) {
        const std::uint64_t bits = combine_keys(draws, index + i / 2);
        const auto number = static_cast<std::uint32_t>(i % 2 == 0 ? bits : bits >> 32);
        const std::uint32_t column = number % 64;
        const std::uint32_t entry = table[column];
        const std::uint32_t gap = number >> 6 < entry >> 6 ? column : entry % 64;
        place += gap;
        if (gap == kNoSuccess) continue;
        out[found] = static_cast<std::uint32_t>(place);
        found += place < limit ? 1 : 0;
        ++place;
    }
    return found;
}

// `count` numbers without those whose bit is 0.
template <typename Id>
void compact_plainly(const std::uint32_t* found, std::size_t count, const std::uint64_t* kept, Id* out) {
    for (std::size_t i = 0; i < count; ++i) {
        if ((kept[i / 64] >> (i % 64) & 1U) != 0) *out++ = static_cast<Id>(found[i]);
    }
}

#if PYPACK_X86_DISPATCH

// So many lanes up, zeros below.
template <int lanes>
PYPACK_TARGET_AVX512 PYPACK_INLINE __m512i up_by(__m512i values) {
    return _mm512_maskz_alignr_epi32(0xffff, values, _mm512_setzero_si512(), 16 - lanes);
}

// All that succeed until `limit`, or until there are `room` of them, maybe fifteen more.
PYPACK_TARGET_AVX512 std::size_t try_avx512(std::uint64_t draws, std::uint64_t& index, const GapTable& table,
                                            std::int64_t limit, std::int64_t& place, std::uint32_t* out,
                                            std::size_t room) {
    constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;
    const __m512i golden = _mm512_set1_epi64(static_cast<long long>(kGolden));
    const __m512i eight = _mm512_set_epi64(8, 7, 6, 5, 4, 3, 2, 1);
    const __m512i step = _mm512_set1_epi64(static_cast<long long>(8 * kGolden));
    __m512i draw = _mm512_add_epi64(_mm512_set1_epi64(static_cast<long long>(draws + kGolden * index)),
                                    _mm512_mullo_epi64(eight, golden));
    const __m512i entries[4] = {_mm512_loadu_si512(table.data()), _mm512_loadu_si512(table.data() + 16),
                                _mm512_loadu_si512(table.data() + 32), _mm512_loadu_si512(table.data() + 48)};
    const __m512i low = _mm512_set1_epi32(63);
    const __m512i one = _mm512_set1_epi32(1);
    const __m512i end = _mm512_set1_epi32(static_cast<int>(limit));
    const __m512i last = _mm512_set1_epi32(15);
    __m512i behind = _mm512_set1_epi32(static_cast<int>(place));  // the last success, or failures
    std::size_t found = 0;
    std::uint32_t at = static_cast<std::uint32_t>(place);
    while (at < static_cast<std::uint32_t>(limit) && found < room) {
        const __m512i numbers = mix64_lanes(draw);
        draw = _mm512_add_epi64(draw, step);
        index += kGroup / 2;
        const __m512i column = _mm512_and_si512(numbers, low);
        const __mmask16 upper = _mm512_test_epi32_mask(numbers, _mm512_set1_epi32(32));
        const __m512i entry =
            _mm512_mask_mov_epi32(_mm512_permutex2var_epi32(entries[0], column, entries[1]), upper,
                                  _mm512_permutex2var_epi32(entries[2], column, entries[3]));
        const __mmask16 own = _mm512_cmplt_epu32_mask(_mm512_maskz_srli_epi32(0xffff, numbers, 6),
                                                      _mm512_maskz_srli_epi32(0xffff, entry, 6));
        const __m512i gap = _mm512_mask_mov_epi32(_mm512_and_si512(entry, low), own, column);
        const __mmask16 success = _mm512_cmpneq_epi32_mask(gap, low);
        __m512i sums = _mm512_mask_add_epi32(gap, success, gap, one);
        sums = _mm512_add_epi32(sums, up_by<1>(sums));
        sums = _mm512_add_epi32(sums, up_by<2>(sums));
        sums = _mm512_add_epi32(sums, up_by<4>(sums));
        sums = _mm512_add_epi32(sums, up_by<8>(sums));
        sums = _mm512_add_epi32(sums, behind);
        behind = _mm512_maskz_permutexvar_epi32(0xffff, last, sums);
        const __m512i places = _mm512_sub_epi32(sums, one);
        const __mmask16 is = _mm512_mask_cmplt_epu32_mask(success, places, end);
        _mm512_storeu_si512(out + found, _mm512_maskz_compress_epi32(is, places));
        found += static_cast<std::size_t>(std::popcount(static_cast<unsigned>(is)));
        at = static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm512_maskz_extracti32x4_epi32(0xf, behind, 0)));
    }
    place = at;
    return found;
}

PYPACK_TARGET_AVX512 inline void store_eight(std::int64_t* out, __m256i values) {
    _mm512_storeu_si512(out, _mm512_maskz_cvtepu32_epi64(0xff, values));
}
PYPACK_TARGET_AVX512 inline void store_eight(std::int32_t* out, __m256i values) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), values);
}

PYPACK_TARGET_AVX512 inline void store_sixteen(std::int64_t* out, __m512i values) {
    store_eight(out, _mm512_maskz_extracti64x4_epi64(0xf, values, 0));
    store_eight(out + 8, _mm512_maskz_extracti64x4_epi64(0xf, values, 1));
}
PYPACK_TARGET_AVX512 inline void store_sixteen(std::int32_t* out, __m512i values) {
    _mm512_storeu_si512(out, values);
}

// Sixteen at a time, then eight, as long as so many fit.
template <typename Id>
PYPACK_TARGET_AVX512 void compact_avx512(const std::uint32_t* found, std::size_t count,
                                         const std::uint64_t* kept, std::size_t size, Id* out) {
    std::size_t written = 0;
    std::size_t i = 0;
    for (; i < count && written + 16 <= size; i += 16) {
        const auto here = static_cast<__mmask16>(kept[i / 64] >> (i % 64));
        store_sixteen(out + written, _mm512_maskz_compress_epi32(here, _mm512_loadu_si512(found + i)));
        written += static_cast<std::size_t>(std::popcount(static_cast<unsigned>(here)));
    }
    for (; i < count && written + 8 <= size; i += 8) {
        const auto here = static_cast<__mmask8>(kept[i / 64] >> (i % 64));
        const __m256i eight = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(found + i));
        store_eight(out + written, _mm256_maskz_compress_epi32(here, eight));
        written += static_cast<std::size_t>(std::popcount(static_cast<unsigned>(here)));
    }
    for (; i < count && written < size; ++i) {
        out[written] = static_cast<Id>(found[i]);
        written += (kept[i / 64] >> (i % 64) & 1U) != 0 ? 1 : 0;
    }
}

#endif

// The numbers below `limit` that are not among so many.
template <typename Id>
void write_others(const std::vector<std::uint32_t>& numbers, std::size_t count, std::int64_t limit, Id* out) {
    std::size_t next = 0;
    for (std::int64_t number = 0; number < limit; ++number) {
        const bool is = next < count && numbers[next] == static_cast<std::uint32_t>(number);
        next += is ? 1 : 0;
        if (!is) *out++ = static_cast<Id>(number);
    }
}

}  // namespace

void SortedSample::make_room(std::size_t count) {
    if (found_.size() < count) found_.resize(std::max(count, 2 * found_.size()));
}

std::size_t SortedSample::try_all(std::uint64_t draws, std::uint64_t& index, const GapTable& table,
                                  std::int64_t limit, Instructions instructions) {
    std::size_t found = 0;
    std::int64_t place = 0;
    while (place < limit) {
        make_room(found + 64 * kGroup);
#if PYPACK_X86_DISPATCH
        if (instructions == Instructions::kAvx512) {
            const std::size_t room = found_.size() - found - kGroup;
            found += try_avx512(draws, index, table, limit, place, found_.data() + found, room);
            continue;
        }
#endif
        (void)instructions;
        found += group_plainly(draws, index, table, limit, place, found_.data() + found);
        index += kGroup / 2;
    }
    return found;
}

void SortedSample::thin(std::uint64_t draws, std::size_t count, std::size_t size) {
    kept_.assign(count / 64 + 1, ~std::uint64_t{0});
    kept_[count / 64] = (std::uint64_t{1} << (count % 64)) - 1;
    std::size_t left = count;
    for (std::uint64_t index = kThinning; left > size; ++index) {
        const std::uint64_t number = below(combine_keys(draws, index), count);
        std::uint64_t& word = kept_[number / 64];
        const std::uint64_t bit = std::uint64_t{1} << (number % 64);
        left -= (word & bit) != 0 ? 1 : 0;
        word &= ~bit;
    }
}

template <typename Id>
void SortedSample::draw(std::uint64_t draws, std::int64_t size, const GapTables& tables,
                        Instructions instructions, Id* out) {
    const std::int64_t limit = tables.limit();
    const bool others = size > limit - size;
    const std::int64_t drawn = others ? limit - size : size;
    const GapTable& table = tables.for_sample(drawn);
    const auto wanted = static_cast<std::size_t>(drawn);
    std::uint64_t index = 0;
    std::size_t count = 0;
    do {
        count = try_all(draws, index, table, limit, instructions);
    } while (count < wanted);
    thin(draws, count, wanted);
    make_room(count + kGroup);
    if (others) {
        compact_plainly(found_.data(), count, kept_.data(), found_.data());
        return write_others(found_, wanted, limit, out);
    }
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) {
        return compact_avx512(found_.data(), count, kept_.data(), wanted, out);
    }
#endif
    compact_plainly(found_.data(), count, kept_.data(), out);
}

template void SortedSample::draw(std::uint64_t, std::int64_t, const GapTables&, Instructions, std::int64_t*);
template void SortedSample::draw(std::uint64_t, std::int64_t, const GapTables&, Instructions, std::int32_t*);

}  // namespace pypack
