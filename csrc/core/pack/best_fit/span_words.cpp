#include "pack/best_fit/span_words.hpp"

#include "common/simd.hpp"
#include "pack/best_fit/numbered_cuts.hpp"

namespace pypack {

namespace {

constexpr std::uint32_t kLast = 0x7fffffff;  // of the upper half: all but the mark

// lengths and starts may be used memory.
PYPACK_SIMD_CLONES void split(std::int64_t* words, Length* starts, Length* lengths, std::int64_t size,
                              FastDivisor sequences_in, std::uint32_t sequence_length) {
    for (std::int64_t i = 0; i < size; ++i) {
        const auto word = static_cast<std::uint64_t>(words[i]);
        const auto last = static_cast<std::uint32_t>(word >> 32) & kLast;
        const std::uint32_t start = sequences_in.divide(last) * sequence_length;
        words[i] = static_cast<std::int64_t>(word & 0xffffffff);
        starts[i] = static_cast<Length>(start);
        lengths[i] = static_cast<Length>(last - start + 1);
    }
}

PYPACK_SIMD_CLONES void split_plain(std::int64_t* words, Length* starts, Length* lengths, std::int64_t size) {
    for (std::int64_t i = 0; i < size; ++i) {
        const auto word = static_cast<std::uint64_t>(words[i]);
        words[i] = static_cast<std::int64_t>(word & 0xffffffff);
        starts[i] = 0;
        lengths[i] = static_cast<Length>(static_cast<std::uint32_t>(word >> 32) & kLast) + 1;
    }
}

// Each is written where the next marked one goes, and stays if it is one.
std::int64_t list_marked(const std::int64_t* words, std::int64_t size, std::int64_t first, std::int64_t* out,
                         std::int64_t room) {
    std::int64_t found = 0;
    for (std::int64_t i = 0; i < size && found < room; ++i) {
        out[found] = first + i;
        found += words[i] < 0 ? 1 : 0;
    }
    return found;
}

#if PYPACK_X86_DISPATCH

// Eight at a time: all are written wherever so many fit, and those that are marked stay.
PYPACK_TARGET_AVX512 std::int64_t list_marked_avx512(const std::int64_t* words, std::int64_t size,
                                                     std::int64_t first, std::int64_t* out,
                                                     std::int64_t room) {
    constexpr std::int64_t kWidth = 8;
    const __m512i step = _mm512_set1_epi64(kWidth);
    __m512i numbers = _mm512_add_epi64(_mm512_set1_epi64(first), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
    std::int64_t found = 0;
    std::int64_t i = 0;
    for (; i + kWidth <= size && found + kWidth <= room; i += kWidth) {
        const __mmask8 marked = _mm512_movepi64_mask(_mm512_loadu_si512(words + i));
        _mm512_storeu_si512(out + found, _mm512_maskz_compress_epi64(marked, numbers));
        found += _mm_popcnt_u32(marked);
        numbers = _mm512_add_epi64(numbers, step);
    }
    return found + list_marked(words + i, size - i, first + i, out + found, room - found);
}

#endif

}  // namespace

std::int64_t list_beginnings(const std::int64_t* words, std::int64_t size, std::int64_t first,
                             std::int64_t* out, std::int64_t room,
                             [[maybe_unused]] Instructions instructions) {
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) return list_marked_avx512(words, size, first, out, room);
#endif
    return list_marked(words, size, first, out, room);
}

void split_words(std::int64_t* words, Length* starts, Length* lengths, std::int64_t size,
                 Length sequence_length) {
    split(words, starts, lengths, size, FastDivisor(sequence_length),
          static_cast<std::uint32_t>(sequence_length));
}

void split_plain_words(std::int64_t* words, Length* starts, Length* lengths, std::int64_t size) {
    split_plain(words, starts, lengths, size);
}

}  // namespace pypack
