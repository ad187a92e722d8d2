#include "tokenize/pretokenize/strip_loops.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/simd.hpp"
#include "tokenize/unicode/ascii_masks.hpp"

namespace pypack {
namespace {

constexpr std::size_t kBlock = 64;

// The lowest `size` bits, or all 64.
constexpr std::uint64_t first_bits(std::size_t size) {
    return size < kBlock ? (std::uint64_t{1} << size) - 1 : ~std::uint64_t{0};
}

namespace portable {

// Bit i: whether bytes[i], of 64, has that bit set.
std::uint64_t bits_of(const std::uint8_t* bytes, unsigned bit) {
    std::uint64_t mask = 0;
    for (unsigned i = 0; i < 8; ++i) {
        std::uint64_t eight;
        std::memcpy(&eight, bytes + 8 * i, sizeof eight);
        if constexpr (std::endian::native == std::endian::big) eight = __builtin_bswap64(eight);
        mask |= ((eight >> bit & 0x0101010101010101ULL) * 0x0102040810204080ULL >> 56) << 8 * i;
    }
    return mask;
}

void look_up(const char* text, std::size_t size, std::size_t, const std::array<std::uint8_t, 256>& table,
             std::uint8_t* out, std::uint64_t* leads) {
    for (std::size_t from = 0; from < size; from += kBlock, ++leads) {
        const std::size_t here = std::min(kBlock, size - from);
        unsigned all = 0;
        for (std::size_t i = from; i < from + here; ++i) {
            const auto byte = static_cast<unsigned char>(text[i]);
            all |= byte;
            out[i] = table[byte];
        }
        *leads = 0;
        for (std::size_t i = 0; all >= 0x80 && i < here; ++i) {
            *leads |= std::uint64_t{static_cast<unsigned char>(text[from + i]) >= 0xC0} << i;
        }
    }
}

std::size_t write_block(std::uint64_t mask, std::uint32_t base, std::uint32_t* out) {
    const auto count = static_cast<unsigned>(std::popcount(mask));
    PortableMasks::write_positions(mask, count, base, out);
    return count;
}

std::size_t write_positions(const std::uint64_t* masks, std::size_t blocks, std::uint32_t base,
                            std::size_t most, std::uint32_t* out) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < blocks && count < most; ++i, base += kBlock) {
        count += write_block(masks[i], base, out + count);
    }
    return count;
}

std::size_t find_bits(const std::uint8_t* bytes, std::size_t size, std::uint32_t base, std::uint64_t* bits_0,
                      std::uint64_t* bits_1, std::uint32_t* places) {
    std::size_t count = 0;
    for (std::size_t from = 0; from < size; from += kBlock) {
        const std::uint64_t valid = first_bits(size - from);
        *bits_0++ = valid & bits_of(bytes + from, 0);
        *bits_1++ = valid & bits_of(bytes + from, 1);
        const std::uint64_t bits_2 = valid & bits_of(bytes + from, 2);
        count += write_block(bits_2, base + static_cast<std::uint32_t>(from), places + count);
    }
    return count;
}

void pair_up(const std::uint8_t* classes, std::size_t size, unsigned width, std::uint16_t* out) {
    const std::size_t pairs = (size + kBlock - 1) / kBlock * kBlock / 2;
    for (std::size_t i = 0; i < pairs; ++i) {
        out[i] = static_cast<std::uint16_t>(classes[2 * i] * width + classes[2 * i + 1]);
    }
}

}  // namespace portable

#if PYPACK_X86_DISPATCH

// The bytes that may be read, with zeros behind them.
const char* padded(const char* text, std::size_t readable, char (&room)[kBlock]) {
    if (readable >= kBlock) return text;
    std::memset(room, 0, kBlock);
    std::memcpy(room, text, readable);
    return room;
}

namespace avx2 {

// Of 16 entries of the table at a time: added to the others, 0x70 leaves indices that take nothing.
PYPACK_TARGET_AVX2 PYPACK_INLINE __m256i look_up_32(__m256i v, const std::uint8_t* table, __m256i wide) {
    __m256i found = _mm256_and_si256(_mm256_cmpgt_epi8(_mm256_setzero_si256(), v), wide);
    for (int high = 0; high < 8; ++high) {
        const __m128i sixteen = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table + 16 * high));
        const __m256i low = _mm256_xor_si256(v, _mm256_set1_epi8(static_cast<char>(high << 4)));
        const __m256i index = _mm256_adds_epu8(low, _mm256_set1_epi8(0x70));
        found = _mm256_or_si256(found, _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(sixteen), index));
    }
    return found;
}

PYPACK_TARGET_AVX2 void look_up(const char* text, std::size_t size, std::size_t readable,
                                const std::array<std::uint8_t, 256>& table, std::uint8_t* out,
                                std::uint64_t* leads) {
    const __m256i wide = _mm256_set1_epi8(static_cast<char>(table[0x80]));
    const __m256i last_of_continuations = _mm256_set1_epi8(static_cast<char>(0xBF));
    char room[kBlock];
    for (std::size_t from = 0; from < size; from += kBlock) {
        const char* const here = padded(text + from, readable - from, room);
        std::uint64_t lead = 0;
        for (unsigned half = 0; half < 2; ++half) {
            const auto* const p = reinterpret_cast<const __m256i*>(here + 32 * half);
            const __m256i v = _mm256_loadu_si256(p);
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + from + 32 * half),
                                look_up_32(v, table.data(), wide));
            // As signed numbers: 0xC0 to 0xFF are less than 0, and more than 0xBF.
            const __m256i is_lead = _mm256_and_si256(v, _mm256_cmpgt_epi8(v, last_of_continuations));
            lead |= std::uint64_t{static_cast<std::uint32_t>(_mm256_movemask_epi8(is_lead))} << 32 * half;
        }
        *leads++ = lead & first_bits(size - from);
    }
}

PYPACK_TARGET_AVX2 PYPACK_INLINE std::size_t write_block(std::uint64_t mask, std::uint32_t base,
                                                         std::uint32_t* out) {
    const auto count = static_cast<unsigned>(_mm_popcnt_u64(mask));
    Avx2Masks::write_positions(mask, count, base, out);
    return count;
}

PYPACK_TARGET_AVX2 std::size_t write_positions(const std::uint64_t* masks, std::size_t blocks,
                                               std::uint32_t base, std::size_t most, std::uint32_t* out) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < blocks && count < most; ++i, base += kBlock) {
        count += write_block(masks[i], base, out + count);
    }
    return count;
}

PYPACK_TARGET_AVX2 std::size_t find_bits(const std::uint8_t* bytes, std::size_t size, std::uint32_t base,
                                         std::uint64_t* bits_0, std::uint64_t* bits_1,
                                         std::uint32_t* places) {
    std::size_t count = 0;
    for (std::size_t from = 0; from < size; from += kBlock) {
        const auto* const p = reinterpret_cast<const __m256i*>(bytes + from);
        const __m256i low = _mm256_loadu_si256(p);
        const __m256i high = _mm256_loadu_si256(p + 1);
        const std::uint64_t valid = first_bits(size - from);
        *bits_0++ = valid & Avx2Masks::join(_mm256_slli_epi16(low, 7), _mm256_slli_epi16(high, 7));
        *bits_1++ = valid & Avx2Masks::join(_mm256_slli_epi16(low, 6), _mm256_slli_epi16(high, 6));
        const std::uint64_t bits_2 =
            valid & Avx2Masks::join(_mm256_slli_epi16(low, 5), _mm256_slli_epi16(high, 5));
        count += write_block(bits_2, base + static_cast<std::uint32_t>(from), places + count);
    }
    return count;
}

PYPACK_TARGET_AVX2 void pair_up(const std::uint8_t* classes, std::size_t size, unsigned width,
                                std::uint16_t* out) {
    const __m256i factors = _mm256_set1_epi16(static_cast<short>(width | 0x100));
    for (std::size_t from = 0; from < size; from += kBlock / 2) {
        const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(classes + from));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + from / 2), _mm256_maddubs_epi16(v, factors));
    }
}

}  // namespace avx2

#pragma GCC diagnostic push
// GCC 12 says it of its own intrinsics.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"

namespace avx512 {

#define PYPACK_TARGET_VBMI \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,bmi,bmi2,lzcnt,popcnt")))

PYPACK_TARGET_VBMI void look_up(const char* text, std::size_t size, std::size_t readable,
                                const std::array<std::uint8_t, 256>& table, std::uint8_t* out,
                                std::uint64_t* leads) {
    const __m512i low = _mm512_loadu_si512(table.data());
    const __m512i high = _mm512_loadu_si512(table.data() + kBlock);
    const __m512i wide = _mm512_set1_epi8(static_cast<char>(table[0x80]));
    for (std::size_t from = 0; from < size; from += kBlock) {
        const __m512i v = _mm512_maskz_loadu_epi8(first_bits(readable - from), text + from);
        const __mmask64 is_wide = _mm512_movepi8_mask(v);
        const __m512i found = _mm512_permutex2var_epi8(low, v, high);
        _mm512_storeu_si512(out + from, _mm512_mask_mov_epi8(found, is_wide, wide));
        *leads++ = _mm512_mask_test_epi8_mask(is_wide, v, _mm512_set1_epi8(0x40)) & first_bits(size - from);
    }
}

// At once as many as a block of text has words, since whether there are more than 16 cannot be foreseen.
PYPACK_TARGET_AVX512 std::size_t write_positions(const std::uint64_t* masks, std::size_t blocks,
                                                 std::uint32_t base, std::size_t most, std::uint32_t* out) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < blocks && count < most; ++i, base += kBlock) {
        const auto more = static_cast<unsigned>(_mm_popcnt_u64(masks[i]));
        Avx512Masks::write_positions<32>(masks[i], more, base, out + count);
        count += more;
    }
    return count;
}

PYPACK_TARGET_AVX512 std::size_t find_bits(const std::uint8_t* bytes, std::size_t size, std::uint32_t base,
                                           std::uint64_t* bits_0, std::uint64_t* bits_1,
                                           std::uint32_t* places) {
    std::size_t count = 0;
    for (std::size_t from = 0; from < size; from += kBlock) {
        const __m512i v = _mm512_loadu_si512(bytes + from);
        const std::uint64_t valid = first_bits(size - from);
        *bits_0++ = valid & _mm512_test_epi8_mask(v, _mm512_set1_epi8(1));
        *bits_1++ = valid & _mm512_test_epi8_mask(v, _mm512_set1_epi8(2));
        const std::uint64_t bits_2 = valid & _mm512_test_epi8_mask(v, _mm512_set1_epi8(4));
        const auto more = static_cast<unsigned>(_mm_popcnt_u64(bits_2));
        Avx512Masks::write_positions<16>(bits_2, more, base + static_cast<std::uint32_t>(from),
                                         places + count);
        count += more;
    }
    return count;
}

}  // namespace avx512

#pragma GCC diagnostic pop

#endif

constexpr StripLoops kPortable{portable::look_up, portable::find_bits, portable::pair_up,
                               portable::write_positions};
#if PYPACK_X86_DISPATCH
constexpr StripLoops kAvx2{avx2::look_up, avx2::find_bits, avx2::pair_up, avx2::write_positions};
constexpr StripLoops kAvx512{avx512::look_up, avx512::find_bits, avx2::pair_up, avx512::write_positions};
constexpr StripLoops kAvx512WithoutVbmi{avx2::look_up, avx512::find_bits, avx2::pair_up,
                                        avx512::write_positions};
#endif

}  // namespace

const StripLoops& strip_loops([[maybe_unused]] Instructions instructions) {
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) {
        return __builtin_cpu_supports("avx512vbmi") ? kAvx512 : kAvx512WithoutVbmi;
    }
    if (instructions == Instructions::kAvx2) return kAvx2;
#endif
    return kPortable;
}

}  // namespace pypack
