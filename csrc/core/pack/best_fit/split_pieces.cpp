#include "pack/best_fit/split_pieces.hpp"

#include "common/simd.hpp"
#include "pack/best_fit/span_words.hpp"

namespace pypack {

namespace {

PYPACK_SIMD_CLONES void cut(const Length* lengths, std::size_t size, Length sequence_length,
                            FastDivisor sequences_in, Length* wholes, Length* rests) {
    for (std::size_t i = 0; i < size; ++i) {
        const auto before = static_cast<Length>(sequences_in.divide(static_cast<std::uint32_t>(lengths[i])));
        wholes[i] = before;
        rests[i] = lengths[i] - before * sequence_length;
    }
}

// Nearly always a document has few sequences: so many are written at once wherever there is room for them,
// and those behind stay to be written.
PYPACK_SIMD_CLONES std::int64_t write_long_ones(const SplitGroup& group, Length sequence_length,
                                                std::uint64_t* out, std::int64_t room) {
    constexpr Length kAtOnce = 8;
    const std::uint64_t step = span_word(0, sequence_length);
    std::int64_t at = 0;
    for (std::size_t k = 0; k < group.num_long; ++k) {
        const std::size_t i = group.long_ones[k];
        const Length wholes = group.wholes[i];
        const auto document =
            static_cast<std::uint32_t>(group.first_document) + static_cast<std::uint32_t>(i);
        const std::uint64_t word = span_word(document, sequence_length - 1) | kBeginsSequence;
        std::uint64_t* const words = out + at;
        Length j = 0;
        if (room - at >= kAtOnce) [[likely]] {
            for (; j < kAtOnce; ++j) words[j] = word + static_cast<std::uint64_t>(j) * step;
        }
        for (; j < wholes; ++j) words[j] = word + static_cast<std::uint64_t>(j) * step;
        at += wholes;
    }
    return at;
}

}  // namespace

std::int64_t write_wholes(const SplitGroup& group, Length sequence_length, std::uint64_t* out,
                          std::int64_t room) {
    return write_long_ones(group, sequence_length, out, room);
}

void cut_group(std::span<const Length> lengths, Length sequence_length, FastDivisor sequences_in,
               Length* wholes, Length* rests) {
    cut(lengths.data(), lengths.size(), sequence_length, sequences_in, wholes, rests);
}

}  // namespace pypack
