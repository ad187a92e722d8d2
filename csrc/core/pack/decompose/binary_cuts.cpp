#include "pack/decompose/binary_cuts.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "common/simd.hpp"

namespace pypack {

namespace {

// Loops without a branch, bucket by bucket: which digits a length has comes at random, and going document by
// document guesses wrong about every second piece (twice the time).
constexpr std::size_t kGroup = 1024;  // documents: sums of their digits fit in 32 bits

PYPACK_SIMD_CLONES void add_pieces(const Length* __restrict lengths, std::size_t size, CutBuckets buckets,
                                   Length* __restrict spans, std::int64_t* __restrict pieces) {
    std::int64_t in_longest = 0;
    for (std::size_t i = 0; i < size; ++i) {
        spans[i] = lengths[i] >> buckets.highest;
        in_longest += spans[i];
    }
    pieces[buckets.highest] += in_longest;
    for (int bucket = buckets.lowest; bucket < buckets.highest; ++bucket) {
        Length total = 0;
        for (std::size_t i = 0; i < size; ++i) {
            const Length digit = (lengths[i] >> bucket) & 1;
            spans[i] += digit;
            total += digit;
        }
        pieces[bucket] += total;
    }
}

// Tokens are added by 16-bit halves, so that they fit in 32 bits as well.
PYPACK_SIMD_CLONES void account(const Length* __restrict lengths, const Length* __restrict spans,
                                std::size_t size, Length rest_mask, Length least_packed,
                                CutCounts* __restrict counts) {
    Length lost_documents = 0;
    Length lost_low = 0;
    Length lost_high = 0;
    Length dropped_documents = 0;
    Length dropped_low = 0;
    Length dropped_high = 0;
    Length split_documents = 0;
    for (std::size_t i = 0; i < size; ++i) {
        const Length rest = lengths[i] & rest_mask;
        const Length unpacked = rest < least_packed ? -1 : 0;  // all bits, or none
        const Length lost = rest & unpacked;
        const Length all = spans[i] + 1 + unpacked;
        const Length dropped = lost & (all == 0 ? -1 : 0);
        lost_documents += lost != 0 ? 1 : 0;
        lost_low += lost & 0xffff;
        lost_high += lost >> 16;
        dropped_documents += dropped != 0 ? 1 : 0;
        dropped_low += dropped & 0xffff;
        dropped_high += dropped >> 16;
        split_documents += all > 1 ? 1 : 0;
    }
    const std::int64_t lost = (std::int64_t{lost_high} << 16) + lost_low;
    const std::int64_t dropped = (std::int64_t{dropped_high} << 16) + dropped_low;
    counts->dropped_documents += dropped_documents;
    counts->dropped_tokens += dropped;
    counts->truncated_documents += lost_documents - dropped_documents;
    counts->truncated_tokens += lost - dropped;
    counts->split_documents += split_documents;
}

std::size_t select_rest(std::span<const Length> lengths, std::size_t from, int bucket,
                        std::int64_t first_document, std::size_t found, std::size_t room,
                        std::int64_t* documents, Length* starts) {
    const Length higher = -(Length{2} << bucket);
    for (std::size_t i = from; i < lengths.size() && found < room; ++i) {
        // Every document is written, and overwritten by the next unless it has the digit.
        documents[found] = first_document + static_cast<std::int64_t>(i);
        starts[found] = lengths[i] & higher;
        found += static_cast<std::size_t>((lengths[i] >> bucket) & 1);
    }
    return found;
}

std::size_t select_long_rest(std::span<const Length> lengths, std::size_t from, Length least,
                             std::size_t found, std::uint32_t* positions) {
    for (std::size_t i = from; i < lengths.size(); ++i) {
        positions[found] = static_cast<std::uint32_t>(i);
        found += lengths[i] >= least ? 1 : 0;
    }
    return found;
}

#if PYPACK_X86_DISPATCH

// Of each set of lanes: their numbers, in order.
constexpr std::array<std::uint64_t, 256> kLanes = [] {
    std::array<std::uint64_t, 256> lanes{};
    for (unsigned set = 0; set < lanes.size(); ++set) {
        int place = 0;
        for (std::uint64_t lane = 0; lane < 8; ++lane) {
            if ((set >> lane & 1) == 0) continue;
            lanes[set] |= lane << (8 * place++);
        }
    }
    return lanes;
}();

PYPACK_TARGET_AVX2 std::size_t select_avx2(std::span<const Length> lengths, int bucket,
                                           std::int64_t first_document, std::size_t room,
                                           std::int64_t* documents, Length* starts) {
    const __m128i to_sign = _mm_cvtsi32_si128(31 - bucket);
    const __m256i higher = _mm256_set1_epi32(-(Length{2} << bucket));
    std::size_t found = 0;
    std::size_t i = 0;
    // Eight are written, however many of them are.
    for (; i + 8 <= lengths.size() && found + 8 <= room; i += 8) {
        const __m256i eight = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lengths.data() + i));
        const auto has =
            static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_sll_epi32(eight, to_sign))));
        const __m128i lanes = _mm_cvtsi64_si128(static_cast<long long>(kLanes[has]));
        const __m256i start =
            _mm256_permutevar8x32_epi32(_mm256_and_si256(eight, higher), _mm256_cvtepu8_epi32(lanes));
        const __m256i first = _mm256_set1_epi64x(first_document + static_cast<std::int64_t>(i));
        const __m256i low = _mm256_add_epi64(first, _mm256_cvtepu8_epi64(lanes));
        const __m256i high = _mm256_add_epi64(first, _mm256_cvtepu8_epi64(_mm_srli_si128(lanes, 4)));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(starts + found), start);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(documents + found), low);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(documents + found + 4), high);
        found += static_cast<std::size_t>(std::popcount(has));
    }
    return select_rest(lengths, i, bucket, first_document, found, room, documents, starts);
}

PYPACK_TARGET_AVX2 std::size_t select_long_avx2(std::span<const Length> lengths, Length least,
                                                std::uint32_t* positions) {
    const __m256i below = _mm256_set1_epi32(least - 1);
    std::size_t found = 0;
    std::size_t i = 0;
    for (; i + 8 <= lengths.size(); i += 8) {
        const __m256i eight = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lengths.data() + i));
        const auto is_long =
            static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(eight, below))));
        const __m128i lanes = _mm_cvtsi64_si128(static_cast<long long>(kLanes[is_long]));
        const __m256i at =
            _mm256_add_epi32(_mm256_set1_epi32(static_cast<int>(i)), _mm256_cvtepu8_epi32(lanes));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(positions + found), at);
        found += static_cast<std::size_t>(std::popcount(is_long));
    }
    return select_long_rest(lengths, i, least, found, positions);
}

// As above, sixteen at a time.
PYPACK_TARGET_AVX512 std::size_t select_avx512(std::span<const Length> lengths, int bucket,
                                               std::int64_t first_document, std::size_t room,
                                               std::int64_t* documents, Length* starts) {
    const __m512i bit = _mm512_set1_epi32(Length{1} << bucket);
    const __m512i higher = _mm512_set1_epi32(-(Length{2} << bucket));
    const __m128i in_order = _mm_set_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    std::size_t found = 0;
    std::size_t i = 0;
    for (; i + 16 <= lengths.size() && found + 16 <= room; i += 16) {
        const __m512i sixteen = _mm512_loadu_si512(lengths.data() + i);
        const __mmask16 has = _mm512_test_epi32_mask(sixteen, bit);
        const __m128i lanes = _mm_maskz_compress_epi8(has, in_order);
        const __m512i first = _mm512_set1_epi64(first_document + static_cast<std::int64_t>(i));
        // With a mask of all: without one GCC 12 warns of its own headers.
        const __m512i low = _mm512_add_epi64(first, _mm512_maskz_cvtepu8_epi64(0xff, lanes));
        const __m512i high =
            _mm512_add_epi64(first, _mm512_maskz_cvtepu8_epi64(0xff, _mm_srli_si128(lanes, 8)));
        _mm512_storeu_si512(starts + found,
                            _mm512_maskz_compress_epi32(has, _mm512_and_si512(sixteen, higher)));
        _mm512_storeu_si512(documents + found, low);
        _mm512_storeu_si512(documents + found + 8, high);
        found += static_cast<std::size_t>(std::popcount(static_cast<unsigned>(has)));
    }
    return select_rest(lengths, i, bucket, first_document, found, room, documents, starts);
}

PYPACK_TARGET_AVX512 std::size_t select_long_avx512(std::span<const Length> lengths, Length least,
                                                    std::uint32_t* positions) {
    const __m512i shortest = _mm512_set1_epi32(least);
    const __m512i in_order = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    std::size_t found = 0;
    std::size_t i = 0;
    for (; i + 16 <= lengths.size(); i += 16) {
        const __m512i sixteen = _mm512_loadu_si512(lengths.data() + i);
        const __mmask16 is_long = _mm512_cmpge_epi32_mask(sixteen, shortest);
        const __m512i at = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(i)), in_order);
        _mm512_storeu_si512(positions + found, _mm512_maskz_compress_epi32(is_long, at));
        found += static_cast<std::size_t>(std::popcount(static_cast<unsigned>(is_long)));
    }
    return select_long_rest(lengths, i, least, found, positions);
}

#endif

}  // namespace

std::size_t select_long(std::span<const Length> lengths, Length least, std::uint32_t* positions,
                        [[maybe_unused]] Instructions instructions) {
#if PYPACK_X86_DISPATCH
    const Instructions best = resolve(instructions);
    if (best == Instructions::kAvx512) return select_long_avx512(lengths, least, positions);
    if (best == Instructions::kAvx2) return select_long_avx2(lengths, least, positions);
#endif
    return select_long_rest(lengths, 0, least, 0, positions);
}

CutCounts count_binary_cuts(std::span<const Length> lengths, CutBuckets buckets, Length least_packed,
                            std::span<std::int64_t> pieces) {
    CutCounts counts;
    std::array<Length, kGroup> spans;
    const Length rest_mask = (Length{1} << buckets.lowest) - 1;
    for (; !lengths.empty(); lengths = lengths.subspan(std::min(kGroup, lengths.size()))) {
        const std::size_t size = std::min(kGroup, lengths.size());
        add_pieces(lengths.data(), size, buckets, spans.data(), pieces.data());
        account(lengths.data(), spans.data(), size, rest_mask, least_packed, &counts);
    }
    return counts;
}

std::size_t select_bucket(std::span<const Length> lengths, int bucket, std::int64_t first_document,
                          std::size_t room, std::int64_t* documents, Length* starts,
                          [[maybe_unused]] Instructions instructions) {
#if PYPACK_X86_DISPATCH
    const Instructions best = resolve(instructions);
    if (best == Instructions::kAvx512) {
        return select_avx512(lengths, bucket, first_document, room, documents, starts);
    }
    if (best == Instructions::kAvx2) {
        return select_avx2(lengths, bucket, first_document, room, documents, starts);
    }
#endif
    return select_rest(lengths, 0, bucket, first_document, 0, room, documents, starts);
}

}  // namespace pypack
