#include "objective/chosen_bits.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

#include "common/feistel_vectors.hpp"
#include "common/random.hpp"
#include "common/simd.hpp"
#include "objective/draws.hpp"

namespace pypack {

namespace {

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;
constexpr std::uint64_t kDraws = kChosenBlock / 4;  // four tokens share a draw, sixteen bits each

// The sixteen bits of every token of each block, beside limits.
template <std::size_t limits>
struct Compared {
    std::array<std::uint16_t, limits> to;
    std::array<std::uint64_t*, limits> below;
    std::array<std::uint64_t*, limits> equal;  // written for those blocks only
    std::uint32_t blocks_equal = 0;            // whose bits are 1: in which some are
};

// Bytes of 0 or 1 become bits: eight at a time, which a product brings side by side.
std::uint64_t pack_bytes(const std::array<std::uint8_t, kChosenBlock>& bytes) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 8) {
        std::uint64_t eight = 0;
        for (std::size_t j = 0; j < 8; ++j) eight |= std::uint64_t{bytes[i + j]} << (8 * j);
        bits |= ((eight * 0x0102040810204080U) >> 56) << i;
    }
    return bits;
}

// `start` is what the first draw is mixed of, the others follow at kGolden. (Loops over numbers and bytes,
// which compilers vectorize.)
template <std::size_t limits>
void compare_portable(std::uint64_t start, std::int64_t blocks, Compared<limits>& found) {
    std::array<std::uint16_t, kChosenBlock> numbers;
    std::array<std::uint8_t, kChosenBlock> bytes;
    for (std::int64_t block = 0; block < blocks; ++block, start += kDraws * kGolden) {
        for (std::uint64_t i = 0; i < kDraws; ++i) {
            const std::uint64_t bits = mix64(start + kGolden * i);
            for (std::size_t part = 0; part < 4; ++part) {
                numbers[4 * i + part] = static_cast<std::uint16_t>(bits >> (16 * part));
            }
        }
        for (std::size_t l = 0; l < limits; ++l) {
            const std::uint16_t to = found.to[l];
            unsigned equal = 0;
            for (std::size_t i = 0; i < numbers.size(); ++i) {
                bytes[i] = numbers[i] < to ? 1 : 0;
                equal |= numbers[i] == to ? 1U : 0U;
            }
            found.below[l][block] = pack_bytes(bytes);
            found.equal[l][block] = 0;
            if (equal == 0) continue;
            found.blocks_equal |= 1U << block;
            for (std::size_t i = 0; i < numbers.size(); ++i) bytes[i] = numbers[i] == to ? 1 : 0;
            found.equal[l][block] = pack_bytes(bytes);
        }
    }
}

#if PYPACK_X86_DISPATCH

// Of sixteen numbers in each of two vectors, in order, those that are all ones.
PYPACK_TARGET_AVX2 inline std::uint64_t bits_of(__m256i low, __m256i high) {
    const __m256i bytes = _mm256_permute4x64_epi64(_mm256_packs_epi16(low, high), 0xd8);
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(bytes));
}

template <std::size_t limits>
PYPACK_TARGET_AVX2 void compare_avx2(std::uint64_t start, std::int64_t blocks, Compared<limits>& found) {
    const __m256i lanes =
        _mm256_set_epi64x(static_cast<long long>(3 * kGolden), static_cast<long long>(2 * kGolden),
                          static_cast<long long>(kGolden), 0);
    for (std::int64_t block = 0; block < blocks; ++block, start += kDraws * kGolden) {
        __m256i bits[4];
        for (std::uint64_t part = 0; part < 4; ++part) {
            bits[part] = mix64_lanes(_mm256_add_epi64(broadcast(start + kGolden * 4 * part), lanes));
        }
        for (std::size_t l = 0; l < limits; ++l) {
            const __m256i to = _mm256_set1_epi16(static_cast<short>(found.to[l]));
            __m256i less[4];
            __m256i same[4];
            for (std::size_t part = 0; part < 4; ++part) {
                same[part] = _mm256_cmpeq_epi16(bits[part], to);
                const __m256i at_least = _mm256_cmpeq_epi16(_mm256_max_epu16(bits[part], to), bits[part]);
                less[part] = _mm256_xor_si256(at_least, _mm256_set1_epi16(-1));
            }
            found.below[l][block] = bits_of(less[0], less[1]) | bits_of(less[2], less[3]) << 32;
            found.equal[l][block] = bits_of(same[0], same[1]) | bits_of(same[2], same[3]) << 32;
        }
        found.blocks_equal |= 1U << block;
    }
}

PYPACK_TARGET_AVX512 std::size_t list_avx512(const std::uint64_t* bits, std::int64_t numbers,
                                             std::int64_t first, std::uint32_t* places) {
    alignas(64) static constexpr std::array<std::uint8_t, 64> kUp = [] {
        std::array<std::uint8_t, 64> up{};
        for (std::uint8_t i = 0; i < 64; ++i) up[i] = i;
        return up;
    }();
    const __m512i up = _mm512_load_si512(kUp.data());
    std::size_t count = 0;
    for (std::int64_t number = 0; number < numbers; ++number, first += kChosenBlock) {
        const std::uint64_t chosen = bits[number];
        const __m512i base = _mm512_set1_epi32(static_cast<int>(first));
        const __m512i listed = _mm512_maskz_compress_epi8(chosen, up);
        const auto found = static_cast<std::size_t>(std::popcount(chosen));
        // Sixteen at a time: mostly there are no more.
        const auto put = [&](std::size_t at, __m128i sixteen) PYPACK_TARGET_AVX512 {
            _mm512_storeu_si512(places + count + at,
                                _mm512_add_epi32(base, _mm512_maskz_cvtepu8_epi32(0xffff, sixteen)));
        };
        put(0, _mm512_maskz_extracti32x4_epi32(0xf, listed, 0));
        if (found > 16) put(16, _mm512_maskz_extracti32x4_epi32(0xf, listed, 1));
        if (found > 32) put(32, _mm512_maskz_extracti32x4_epi32(0xf, listed, 2));
        if (found > 48) put(48, _mm512_maskz_extracti32x4_epi32(0xf, listed, 3));
        count += found;
    }
    return count;
}

// (What shifts without a mask begins with a register that GCC 12 warns of as uninitialized.)
PYPACK_TARGET_AVX512 inline __m512i mix64_eight(__m512i x) {
    x = _mm512_xor_si512(x, _mm512_maskz_srli_epi64(0xff, x, 30));
    x = _mm512_mullo_epi64(x, _mm512_set1_epi64(static_cast<long long>(kMixFirst)));
    x = _mm512_xor_si512(x, _mm512_maskz_srli_epi64(0xff, x, 27));
    x = _mm512_mullo_epi64(x, _mm512_set1_epi64(static_cast<long long>(kMixSecond)));
    return _mm512_xor_si512(x, _mm512_maskz_srli_epi64(0xff, x, 31));
}

// Whether numbers are equal is asked of all limits at once, as there are few.
template <std::size_t limits>
PYPACK_TARGET_AVX512 void compare_avx512(std::uint64_t start, std::int64_t blocks, Compared<limits>& found) {
    __m512i to[limits];
    for (std::size_t l = 0; l < limits; ++l) to[l] = _mm512_set1_epi16(static_cast<short>(found.to[l]));
    const __m512i eight = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i golden = _mm512_set1_epi64(static_cast<long long>(kGolden));
    const __m512i step = _mm512_set1_epi64(static_cast<long long>(8 * kGolden));
    __m512i draw =
        _mm512_add_epi64(_mm512_set1_epi64(static_cast<long long>(start)), _mm512_mullo_epi64(eight, golden));
    for (std::int64_t block = 0; block < blocks; ++block) {
        const __m512i low = mix64_eight(draw);
        const __m512i high = mix64_eight(_mm512_add_epi64(draw, step));
        draw = _mm512_add_epi64(_mm512_add_epi64(draw, step), step);
        __m512i nearest = _mm512_set1_epi16(-1);  // 0 where a number is equal to a limit
        for (std::size_t l = 0; l < limits; ++l) {
            const __mmask64 below =
                _mm512_kunpackd(_mm512_cmplt_epu16_mask(high, to[l]), _mm512_cmplt_epu16_mask(low, to[l]));
            _store_mask64(reinterpret_cast<__mmask64*>(found.below[l] + block), below);
            nearest = _mm512_min_epu16(nearest, _mm512_xor_si512(low, to[l]));
            nearest = _mm512_min_epu16(nearest, _mm512_xor_si512(high, to[l]));
        }
        if (_mm512_testn_epi16_mask(nearest, nearest) == 0) [[likely]]
            continue;
        found.blocks_equal |= 1U << block;
        for (std::size_t l = 0; l < limits; ++l) {
            found.equal[l][block] = static_cast<std::uint64_t>(_mm512_cmpeq_epi16_mask(low, to[l])) |
                                    static_cast<std::uint64_t>(_mm512_cmpeq_epi16_mask(high, to[l])) << 32;
        }
    }
}

#endif

template <std::size_t limits>
void compare(std::uint64_t start, std::int64_t blocks, Instructions instructions, Compared<limits>& found) {
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) return compare_avx512(start, blocks, found);
    if (instructions == Instructions::kAvx2) return compare_avx2(start, blocks, found);
#else
    (void)instructions;
#endif
    compare_portable(start, blocks, found);
}

}  // namespace

TokenNumbers::TokenNumbers(std::uint64_t span_key, Purpose first_bits, Purpose last_bits,
                           Instructions instructions)
    : draws_(draws_for(span_key, first_bits)),
      ties_(draws_for(span_key, last_bits)),
      instructions_(instructions) {}

template <std::size_t limits>
void TokenNumbers::below(const std::array<std::uint64_t, limits>& of, std::int64_t first, std::int64_t count,
                         const std::array<std::uint64_t*, limits>& bits) const {
    constexpr std::int64_t kBlocks = kChosenPiece / kChosenBlock;
    const std::int64_t blocks = (count + kChosenBlock - 1) / kChosenBlock;
    std::uint64_t equal[limits][kBlocks];
    Compared<limits> found{};
    bool drawn = false;
    for (std::size_t l = 0; l < limits; ++l) {
        found.to[l] = static_cast<std::uint16_t>(of[l] >> 16);
        found.below[l] = bits[l];
        found.equal[l] = equal[l];
        drawn |= of[l] != 0 && of[l] >> 32 == 0;
    }
    if (drawn) {
        const std::uint64_t start = draws_ + kGolden * (static_cast<std::uint64_t>(first / 4) + 1);
        compare(start, blocks, instructions_, found);
    }
    for (std::size_t l = 0; l < limits; ++l) {
        if (of[l] == 0 || of[l] >> 32 != 0) {
            std::fill_n(bits[l], blocks, of[l] == 0 ? 0 : ~std::uint64_t{0});
        } else if (found.blocks_equal != 0) {
            break_ties(of[l], first, equal[l], found.blocks_equal, bits[l]);
        }
        if (count % kChosenBlock != 0) {
            bits[l][blocks - 1] &= (std::uint64_t{1} << (count % kChosenBlock)) - 1;
        }
    }
}

// One token in 65,536 has the first sixteen bits of the limit.
void TokenNumbers::break_ties(std::uint64_t limit, std::int64_t first, const std::uint64_t* equal,
                              std::uint32_t blocks, std::uint64_t* bits) const {
    for (; blocks != 0; blocks &= blocks - 1) {
        const int block = std::countr_zero(blocks);
        for (std::uint64_t left = equal[block]; left != 0; left &= left - 1) {
            const int bit = std::countr_zero(left);
            const auto token = static_cast<std::uint64_t>(first + block * kChosenBlock + bit);
            const bool is = (combine_keys(ties_, token) & 0xffff) < (limit & 0xffff);
            bits[block] |= static_cast<std::uint64_t>(is) << bit;
        }
    }
}

template void TokenNumbers::below(const std::array<std::uint64_t, 1>&, std::int64_t, std::int64_t,
                                  const std::array<std::uint64_t*, 1>&) const;
template void TokenNumbers::below(const std::array<std::uint64_t, 2>&, std::int64_t, std::int64_t,
                                  const std::array<std::uint64_t*, 2>&) const;
template void TokenNumbers::below(const std::array<std::uint64_t, 3>&, std::int64_t, std::int64_t,
                                  const std::array<std::uint64_t*, 3>&) const;

std::size_t list_places(const std::uint64_t* bits, std::int64_t numbers, std::int64_t first,
                        Instructions instructions, std::uint32_t* places) {
#if PYPACK_X86_DISPATCH
    // How many there are differs from number to number, which a loop over bits is misled by every time.
    if (instructions == Instructions::kAvx512) return list_avx512(bits, numbers, first, places);
#else
    (void)instructions;
#endif
    std::size_t count = 0;
    for (std::int64_t number = 0; number < numbers; ++number, first += kChosenBlock) {
        for (std::uint64_t left = bits[number]; left != 0; left &= left - 1) {
            places[count++] = static_cast<std::uint32_t>(first + std::countr_zero(left));
        }
    }
    return count;
}

}  // namespace pypack
