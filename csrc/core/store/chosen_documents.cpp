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

// Numbers of the set bytes from `i` on, up to `end` in the output.
void list_set(const std::uint8_t* mask, std::int64_t i, std::int64_t* out, const std::int64_t* end) {
    for (; out < end; ++i) {
        *out = i;
        out += mask[i] != 0 ? 1 : 0;
    }
}

#if PYPACK_X86_DISPATCH

// The same, eight at a time.
PYPACK_TARGET_AVX512 void list_set_avx512(const std::uint8_t* mask, std::int64_t i, std::int64_t* out,
                                          const std::int64_t* end) {
    __m512i numbers = _mm512_add_epi64(_mm512_set1_epi64(i), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
    const __m512i step = _mm512_set1_epi64(8);
    // Eight numbers are written wherever eight fit; as many as are set stay.
    while (end - out >= 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(mask + i));
        const auto set = static_cast<std::uint32_t>(_mm_test_epi8_mask(bytes, bytes));
        _mm512_storeu_si512(out, _mm512_maskz_compress_epi64(static_cast<__mmask8>(set), numbers));
        out += _mm_popcnt_u32(set & 0xff);
        numbers = _mm512_add_epi64(numbers, step);
        _mm512_storeu_si512(out, _mm512_maskz_compress_epi64(static_cast<__mmask8>(set >> 8), numbers));
        out += _mm_popcnt_u32(set >> 8);
        numbers = _mm512_add_epi64(numbers, step);
        i += 16;
    }
    list_set(mask, i, out, end);
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

}  // namespace

Buffer<std::int64_t> documents_of_mask(std::span<const std::uint8_t> mask, int num_threads,
                                       Instructions instructions) {
    const auto size = static_cast<std::int64_t>(mask.size());
    std::vector<std::int64_t> first(static_cast<std::size_t>((size + kTask - 1) / kTask) + 1, 0);
    for_parts(size, num_threads, [&](std::int64_t task, std::int64_t begin, std::int64_t end) {
        first[static_cast<std::size_t>(task) + 1] = count_set(mask.data() + begin, end - begin);
    });
    for (std::size_t task = 1; task < first.size(); ++task) first[task] += first[task - 1];
    Buffer<std::int64_t> documents(first.back());
    auto list = list_set;
#if PYPACK_X86_DISPATCH
    if (resolve(instructions) == Instructions::kAvx512) list = list_set_avx512;
#else
    (void)resolve(instructions);
#endif
    for_parts(size, num_threads, [&](std::int64_t task, std::int64_t begin, std::int64_t) {
        const auto index = static_cast<std::size_t>(task);
        list(mask.data(), begin, documents.data() + first[index], documents.data() + first[index + 1]);
    });
    return documents;
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
