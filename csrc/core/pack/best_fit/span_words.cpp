#include "pack/best_fit/span_words.hpp"

#include "common/simd.hpp"
#include "pack/best_fit/numbered_cuts.hpp"

namespace pypack {

namespace {

// lengths and starts may be used memory.
PYPACK_SIMD_CLONES void split(std::int64_t* words, Length* starts, Length* lengths, std::int64_t size,
                              FastDivisor sequences_in, std::uint32_t sequence_length) {
    for (std::int64_t i = 0; i < size; ++i) {
        const auto word = static_cast<std::uint64_t>(words[i]);
        const auto last = static_cast<std::uint32_t>(word >> 32);
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
        lengths[i] = static_cast<Length>(word >> 32) + 1;
    }
}

}  // namespace

void split_words(std::int64_t* words, Length* starts, Length* lengths, std::int64_t size,
                 Length sequence_length) {
    split(words, starts, lengths, size, FastDivisor(sequence_length),
          static_cast<std::uint32_t>(sequence_length));
}

void split_plain_words(std::int64_t* words, Length* starts, Length* lengths, std::int64_t size) {
    split_plain(words, starts, lengths, size);
}

}  // namespace pypack
