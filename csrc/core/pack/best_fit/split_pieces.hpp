// Documents that are split, in groups: their rests for one, and the pieces that fill sequences for another,
// so that neither waits for a guess at how long a document is. For those whom only the order of pieces of
// equal length concerns.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "pack/best_fit/numbered_cuts.hpp"
#include "pack/best_fit/piece_counts.hpp"

namespace pypack {

// Whether pieces are cut so, and a rest never takes up as many units as a sequence has.
[[nodiscard]] inline bool splits_into_wholes(const PackOptions& options) {
    return options.overflow == Overflow::split && options.drop_shorter_than <= 1 && options.align == 1;
}

// lengths[i] = wholes[i] * sequence_length + rests[i], as many documents an instruction as there is room for.
void cut_group(std::span<const Length> lengths, Length sequence_length, FastDivisor sequences_in,
               Length* wholes, Length* rests);

// for_each_piece() with these options, in another order: of a document of `before` sequences and a rest it
// calls rest(document, before, tokens) if there is a rest, and wholes(document, before) if there are
// sequences; place() for documents in groups that hold others, such as empty ones.
template <typename Rest, typename Wholes, typename Place>
inline void for_each_split_piece(std::span<const Length> lengths, Chunk chunk, const PackOptions& options,
                                 PlanCounts& counts, Rest&& rest, Wholes&& wholes, Place&& place) {
    const PlainDocuments plain(options);
    const Length whole = options.sequence_length;
    const FastDivisor sequences_in(whole);
    for (std::size_t begin = chunk.begin; begin < chunk.end; begin += PlainDocuments::kGroup) {
        const std::size_t size = std::min(chunk.end - begin, PlainDocuments::kGroup);
        const auto group = lengths.subspan(begin, size);
        const Length longest = plain.count_split(group, counts);
        if (longest == 0) {
            for_each_piece(lengths, {begin, begin + size}, options, counts, place);
            continue;
        }
        if (longest < whole) {
            for (std::size_t i = 0; i < size; ++i) rest(static_cast<std::int64_t>(begin + i), 0, group[i]);
            continue;
        }
        Length wholes_of[PlainDocuments::kGroup];
        Length rests_of[PlainDocuments::kGroup];
        cut_group(group, whole, sequences_in, wholes_of, rests_of);
        std::uint16_t long_ones[PlainDocuments::kGroup];
        std::size_t num_long = 0;
        for (std::size_t i = 0; i < size; ++i) {
            long_ones[num_long] = static_cast<std::uint16_t>(i);
            num_long += wholes_of[i] != 0 ? 1 : 0;
            if (rests_of[i] == 0) [[unlikely]]
                continue;
            rest(static_cast<std::int64_t>(begin + i), wholes_of[i], rests_of[i]);
        }
        for (std::size_t k = 0; k < num_long; ++k) {
            const std::size_t i = long_ones[k];
            wholes(static_cast<std::int64_t>(begin + i), wholes_of[i]);
        }
    }
}

}  // namespace pypack
