#include "pack/best_fit/split_pieces.hpp"

#include "common/simd.hpp"

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

}  // namespace

void cut_group(std::span<const Length> lengths, Length sequence_length, FastDivisor sequences_in,
               Length* wholes, Length* rests) {
    cut(lengths.data(), lengths.size(), sequence_length, sequences_in, wholes, rests);
}

}  // namespace pypack
