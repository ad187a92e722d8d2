#include "store/document_set.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/parallel.hpp"
#include "common/prefetch.hpp"
#include "common/sequence_hash.hpp"
#include "common/simd.hpp"

namespace pypack {

namespace {

constexpr std::int64_t kBits = 64;                     // of a word
constexpr std::int64_t kPart = std::int64_t{1} << 18;  // documents that a thread takes at once
constexpr std::int64_t kSparse = 32;                   // where one in so many is set

// The bits of a word's bytes of a mask, as many as are there.
std::uint64_t word_of(const std::uint8_t* mask, std::int64_t size) {
    std::uint64_t word = 0;
    for (std::int64_t i = 0; i < size; ++i) word |= std::uint64_t{mask[i] != 0} << i;
    return word;
}

// The whole words of a mask, and how many bits are set in them.
PYPACK_SIMD_CLONES std::int64_t fill_words(const std::uint8_t* mask, std::int64_t count,
                                           std::uint64_t* words) {
    std::int64_t set = 0;
    for (std::int64_t w = 0; w < count; ++w) {
        std::uint64_t word = 0;
        for (int part = 0; part < 8; ++part) {
            std::uint64_t bits = 0;
            for (int i = 0; i < 8; ++i) bits |= std::uint64_t{mask[kBits * w + 8 * part + i] != 0} << i;
            word |= bits << (8 * part);
        }
        words[w] = word;
        set += std::popcount(word);
    }
    return set;
}

void list_documents(const std::uint64_t* words, std::int64_t begin, std::int64_t end, std::int64_t* out) {
    for (std::int64_t w = begin; w < end; ++w) {
        for (std::uint64_t bits = words[w]; bits != 0; bits &= bits - 1) {
            *out++ = kBits * w + std::countr_zero(bits);
        }
    }
}

// Words whose bits are listed before their lengths are read, so that none of these is waited for.
constexpr std::int64_t kAtOnce = 64;

// The set bits of words [0, size), by their number; a line more than they take may be written.
std::int64_t number_bits(const std::uint64_t* words, std::int64_t size, std::uint16_t* out) {
    std::int64_t count = 0;
    for (std::int64_t w = 0; w < size; ++w) {
        for (std::uint64_t bits = words[w]; bits != 0; bits &= bits - 1) {
            out[count++] = static_cast<std::uint16_t>(kBits * w + std::countr_zero(bits));
        }
    }
    return count;
}

using NumberBits = decltype(&number_bits);

// Of words [begin, end), some words at a time: those of the next ones are fetched in the meantime.
void list_lengths(const std::uint64_t* words, std::int64_t begin, std::int64_t end, const Length* lengths,
                  Length* out, NumberBits number) {
    std::uint16_t numbers[2][kAtOnce * kBits + 32];
    const auto look = [&](std::int64_t w, std::uint16_t* found) {
        const std::int64_t count = w < end ? number(words + w, std::min(kAtOnce, end - w), found) : 0;
        for (std::int64_t i = 0; i < count; ++i) prefetch(lengths + kBits * w + found[i]);
        return count;
    };
    std::uint16_t* found = numbers[0];
    std::uint16_t* next = numbers[1];
    std::int64_t count = look(begin, found);
    for (; begin < end; begin += kAtOnce) {
        const std::int64_t next_count = look(begin + kAtOnce, next);
        const Length* const from = lengths + kBits * begin;
        for (std::int64_t i = 0; i < count; ++i) *out++ = from[found[i]];
        std::swap(found, next);
        count = next_count;
    }
}

#if PYPACK_X86_DISPATCH

PYPACK_TARGET_AVX512 std::int64_t fill_words_avx512(const std::uint8_t* mask, std::int64_t count,
                                                    std::uint64_t* words) {
    std::int64_t set = 0;
    for (std::int64_t w = 0; w < count; ++w) {
        const __m512i bytes = _mm512_loadu_si512(mask + kBits * w);
        words[w] = _mm512_test_epi8_mask(bytes, bytes);
        set += _mm_popcnt_u64(words[w]);
    }
    return set;
}

PYPACK_TARGET_AVX2 std::int64_t fill_words_avx2(const std::uint8_t* mask, std::int64_t count,
                                                std::uint64_t* words) {
    std::int64_t set = 0;
    const auto half = [](const std::uint8_t* bytes) PYPACK_TARGET_AVX2 {
        const __m256i values = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
        const __m256i is_zero = _mm256_cmpeq_epi8(values, _mm256_setzero_si256());
        return ~static_cast<std::uint32_t>(_mm256_movemask_epi8(is_zero));
    };
    for (std::int64_t w = 0; w < count; ++w) {
        words[w] = half(mask + kBits * w) | std::uint64_t{half(mask + kBits * w + 32)} << 32;
        set += _mm_popcnt_u64(words[w]);
    }
    return set;
}

// 0, 1, ..., 31.
PYPACK_TARGET_AVX512 PYPACK_INLINE __m512i first_numbers() {
    std::uint16_t numbers[32];
    for (std::uint16_t i = 0; i < 32; ++i) numbers[i] = i;
    return _mm512_loadu_si512(numbers);
}

PYPACK_TARGET_AVX512 std::int64_t number_bits_avx512(const std::uint64_t* words, std::int64_t size,
                                                     std::uint16_t* out) {
    const __m512i step = _mm512_set1_epi16(32);
    __m512i numbers = first_numbers();
    std::int64_t count = 0;
    for (std::int64_t w = 0; w < size; ++w) {
        const auto lower = static_cast<__mmask32>(words[w]);
        const auto upper = static_cast<__mmask32>(words[w] >> 32);
        _mm512_storeu_si512(out + count, _mm512_maskz_compress_epi16(lower, numbers));
        count += _mm_popcnt_u32(lower);
        numbers = _mm512_add_epi16(numbers, step);
        _mm512_storeu_si512(out + count, _mm512_maskz_compress_epi16(upper, numbers));
        count += _mm_popcnt_u32(upper);
        numbers = _mm512_add_epi16(numbers, step);
    }
    return count;
}

// Eight at a time: all are written wherever so many fit, and those that are set stay.
PYPACK_TARGET_AVX512 void list_documents_avx512(const std::uint64_t* words, std::int64_t begin,
                                                std::int64_t end, std::int64_t* out, std::int64_t count) {
    const std::int64_t* const last = out + count;
    const __m512i first = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    for (; begin < end && last - out >= kBits; ++begin) {
        const std::uint64_t word = words[begin];
        if (word == 0) continue;
        for (int at = 0; at < kBits; at += 8) {
            const auto bits = static_cast<__mmask8>(word >> at);
            const __m512i numbers = _mm512_add_epi64(_mm512_set1_epi64(kBits * begin + at), first);
            _mm512_storeu_si512(out, _mm512_maskz_compress_epi64(bits, numbers));
            out += _mm_popcnt_u32(bits);
        }
    }
    list_documents(words, begin, end, out);
}

// The same of lengths, sixteen at a time; none is read that is not asked for, since some are no memory.
PYPACK_TARGET_AVX512 void list_lengths_avx512(const std::uint64_t* words, std::int64_t begin,
                                              std::int64_t end, const Length* lengths, Length* out,
                                              std::int64_t count) {
    constexpr std::int64_t kAhead = 24;  // words
    const Length* const last = out + count;
    for (; begin < end && last - out >= kBits; ++begin) {
        const std::uint64_t word = words[begin];
        for (int at = 0; at < kBits; at += 16) {
            // The processor itself fetches no line of another page ahead.
            prefetch(lengths + kBits * (begin + kAhead) + at);
            const auto bits = static_cast<__mmask16>(word >> at);
            const __m512i values = _mm512_maskz_loadu_epi32(bits, lengths + kBits * begin + at);
            _mm512_storeu_si512(out, _mm512_maskz_compress_epi32(bits, values));
            out += _mm_popcnt_u32(bits);
        }
    }
    list_lengths(words, begin, end, lengths, out, number_bits);
}

#endif

// Calls work(part, begin, end) for parts of the documents.
template <typename Work>
void for_parts(std::int64_t size, int num_threads, Work&& work) {
    parallel_for((size + kPart - 1) / kPart, num_threads, [&](std::int64_t part) {
        work(static_cast<std::size_t>(part), part * kPart, std::min(size, (part + 1) * kPart));
    });
}

std::int64_t words_in(std::int64_t documents) {
    return (documents + kBits - 1) / kBits;
}

}  // namespace

DocumentSet::DocumentSet(std::span<const std::uint8_t> mask, int num_threads, Instructions instructions)
    : size_(std::ssize(mask)),
      words_(words_in(size_)),
      first_(static_cast<std::size_t>((size_ + kPart - 1) / kPart) + 1, 0),
      instructions_(resolve(instructions)) {
    auto fill = fill_words;
#if PYPACK_X86_DISPATCH
    if (instructions_ == Instructions::kAvx2) fill = fill_words_avx2;
    if (instructions_ == Instructions::kAvx512) fill = fill_words_avx512;
#endif
    for_parts(size_, num_threads, [&](std::size_t part, std::int64_t begin, std::int64_t end) {
        const std::int64_t whole = (end - begin) / kBits;
        std::int64_t set = fill(mask.data() + begin, whole, words_.data() + begin / kBits);
        if (const std::int64_t done = begin + whole * kBits; done < end) {
            words_[done / kBits] = word_of(mask.data() + done, end - done);
            set += std::popcount(words_[done / kBits]);
        }
        first_[part + 1] = set;
    });
    for (std::size_t part = 1; part < first_.size(); ++part) first_[part] += first_[part - 1];
}

Buffer<std::int64_t> DocumentSet::documents(int num_threads) const {
    Buffer<std::int64_t> documents(count());
    for_parts(size_, num_threads, [&](std::size_t part, std::int64_t begin, std::int64_t end) {
        std::int64_t* const out = documents.data() + first_[part];
#if PYPACK_X86_DISPATCH
        if (instructions_ == Instructions::kAvx512) {
            return list_documents_avx512(words_.data(), begin / kBits, words_in(end), out,
                                         first_[part + 1] - first_[part]);
        }
#endif
        list_documents(words_.data(), begin / kBits, words_in(end), out);
    });
    return documents;
}

DocumentSet::Lengths DocumentSet::lengths(std::span<const Length> all, int num_threads) const {
    if (std::ssize(all) != size_) {
        throw std::invalid_argument("a mask of " + std::to_string(size_) + " documents for lengths of " +
                                    std::to_string(all.size()));
    }
    Lengths chosen{Buffer<Length>(count()), {}};
    NumberBits number = number_bits;
#if PYPACK_X86_DISPATCH
    const bool is_vector = instructions_ == Instructions::kAvx512;
    if (is_vector) number = number_bits_avx512;
    const auto list_dense = list_lengths_avx512;
#else
    constexpr bool is_vector = false;
    const auto list_dense = [](auto...) {};
#endif
    std::vector<std::array<std::uint64_t, 2>> hashes(first_.size() - 1);
    for_parts(size_, num_threads, [&](std::size_t part, std::int64_t begin, std::int64_t end) {
        Length* const out = chosen.lengths.data() + first_[part];
        const std::int64_t found = first_[part + 1] - first_[part];
        const std::int64_t first = begin / kBits;
        if (is_vector && found >= (end - begin) / kSparse) {
            list_dense(words_.data(), first, words_in(end), all.data(), out, found);
        } else {
            list_lengths(words_.data(), first, words_in(end), all.data(), out, number);
        }
        hashes[part] = sequence_hash({out, static_cast<std::size_t>(found)});
    });
    for (std::size_t part = 0; part < hashes.size(); ++part) {
        const auto found = static_cast<std::uint64_t>(first_[part + 1] - first_[part]);
        chosen.hash = joined_hash(chosen.hash, hashes[part], found);
    }
    return chosen;
}

}  // namespace pypack
