#include "store/chosen_documents.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/parallel.hpp"
#include "common/simd.hpp"

namespace pypack {

namespace {

constexpr std::int64_t kTask = std::int64_t{1} << 18;  // documents that a thread takes at once

template <typename Work>
void for_parts(std::int64_t size, int num_threads, Work&& work) {
    parallel_for((size + kTask - 1) / kTask, num_threads,
                 [&](std::int64_t task) { work(task, task * kTask, std::min(size, (task + 1) * kTask)); });
}

PYPACK_SIMD_CLONES std::int64_t count_set(const std::uint8_t* mask, std::int64_t size) {
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < size; ++i) count += mask[i] != 0 ? 1 : 0;
    return count;
}

// What is listed of the documents from place `at` on, up to `end`, where those of another thread begin.
struct Lists {
    std::int64_t* documents;
    Length* lengths;
    std::int64_t at;
    std::int64_t end;
};

// The set bytes from `i` on.
template <bool kDocuments, bool kLengths>
void list_set(const std::uint8_t* mask, const Length* lengths, std::int64_t i, Lists out) {
    for (; out.at < out.end; ++i) {
        if constexpr (kDocuments) out.documents[out.at] = i;
        if constexpr (kLengths) out.lengths[out.at] = lengths[i];
        out.at += mask[i] != 0 ? 1 : 0;
    }
}

#if PYPACK_X86_DISPATCH

// The same, sixteen at a time: all are written wherever so many fit, and those that are set stay.
template <bool kDocuments, bool kLengths>
PYPACK_TARGET_AVX512 void list_set_avx512(const std::uint8_t* mask, const Length* lengths, std::int64_t i,
                                          Lists out) {
    const __m512i first = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    for (; out.end - out.at >= 16; i += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(mask + i));
        const auto set = static_cast<std::uint32_t>(_mm_test_epi8_mask(bytes, bytes));
        if constexpr (kDocuments) {
            const __m512i lower = _mm512_add_epi64(_mm512_set1_epi64(i), first);
            const __m512i upper = _mm512_add_epi64(_mm512_set1_epi64(i + 8), first);
            std::int64_t* const place = out.documents + out.at;
            _mm512_storeu_si512(place, _mm512_maskz_compress_epi64(static_cast<__mmask8>(set), lower));
            _mm512_storeu_si512(place + _mm_popcnt_u32(set & 0xff),
                                _mm512_maskz_compress_epi64(static_cast<__mmask8>(set >> 8), upper));
        }
        if constexpr (kLengths) {
            _mm512_storeu_si512(
                out.lengths + out.at,
                _mm512_maskz_compress_epi32(static_cast<__mmask16>(set), _mm512_loadu_si512(lengths + i)));
        }
        out.at += _mm_popcnt_u32(set);
    }
    list_set<kDocuments, kLengths>(mask, lengths, i, out);
}

#endif

// Of a negative number the unsigned one is too large as well.
void check_documents(const std::int64_t* documents, std::int64_t size, std::size_t count) {
    std::uint64_t greatest = 0;
    for (std::int64_t i = 0; i < size; ++i) {
        greatest = std::max(greatest, static_cast<std::uint64_t>(documents[i]));
    }
    if (greatest < count) return;
    while (static_cast<std::uint64_t>(*documents) < count) ++documents;
    throw std::out_of_range("document " + std::to_string(*documents) + " is none of the " +
                            std::to_string(count) + " documents");
}

// How many bytes are set before each part of the mask, and in all of it.
std::vector<std::int64_t> first_places(std::span<const std::uint8_t> mask, int num_threads) {
    const std::int64_t size = std::ssize(mask);
    std::vector<std::int64_t> first(static_cast<std::size_t>((size + kTask - 1) / kTask) + 1, 0);
    for_parts(size, num_threads, [&](std::int64_t task, std::int64_t begin, std::int64_t end) {
        first[static_cast<std::size_t>(task) + 1] = count_set(mask.data() + begin, end - begin);
    });
    for (std::size_t task = 1; task < first.size(); ++task) first[task] += first[task - 1];
    return first;
}

}  // namespace

Buffer<std::int64_t> documents_of_mask(std::span<const std::uint8_t> mask, int num_threads,
                                       Instructions instructions) {
    const std::vector<std::int64_t> first = first_places(mask, num_threads);
    Buffer<std::int64_t> documents(first.back());
    auto list = list_set<true, false>;
#if PYPACK_X86_DISPATCH
    if (resolve(instructions) == Instructions::kAvx512) list = list_set_avx512<true, false>;
#else
    (void)resolve(instructions);
#endif
    for_parts(std::ssize(mask), num_threads, [&](std::int64_t task, std::int64_t begin, std::int64_t) {
        const auto index = static_cast<std::size_t>(task);
        list(mask.data(), nullptr, begin, {documents.data(), nullptr, first[index], first[index + 1]});
    });
    return documents;
}

Buffer<Length> lengths_of_mask(std::span<const std::uint8_t> mask, std::span<const Length> lengths,
                               int num_threads, Instructions instructions) {
    if (lengths.size() != mask.size()) {
        throw std::invalid_argument("a mask of " + std::to_string(mask.size()) +
                                    " documents for lengths of " + std::to_string(lengths.size()));
    }
    const std::vector<std::int64_t> first = first_places(mask, num_threads);
    Buffer<Length> chosen(first.back());
    auto list = list_set<false, true>;
#if PYPACK_X86_DISPATCH
    if (resolve(instructions) == Instructions::kAvx512) list = list_set_avx512<false, true>;
#else
    (void)resolve(instructions);
#endif
    for_parts(std::ssize(mask), num_threads, [&](std::int64_t task, std::int64_t begin, std::int64_t) {
        const auto index = static_cast<std::size_t>(task);
        list(mask.data(), lengths.data(), begin, {nullptr, chosen.data(), first[index], first[index + 1]});
    });
    return chosen;
}

Buffer<Length> lengths_of(std::span<const Length> lengths, std::span<const std::int64_t> documents,
                          int num_threads) {
    constexpr std::int64_t kBlock = 1024;  // stays in the first cache between check and use
    const auto size = static_cast<std::int64_t>(documents.size());
    Buffer<Length> chosen(size);
    for_parts(size, num_threads, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        for (; begin < end; begin += kBlock) {
            const std::int64_t stop = std::min(end, begin + kBlock);
            check_documents(documents.data() + begin, stop - begin, lengths.size());
            for (std::int64_t i = begin; i < stop; ++i) {
                chosen[i] = lengths[static_cast<std::size_t>(documents[static_cast<std::size_t>(i)])];
            }
        }
    });
    return chosen;
}

}  // namespace pypack
