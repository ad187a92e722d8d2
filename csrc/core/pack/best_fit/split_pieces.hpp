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

// Some documents of which none is empty: document first_document + i is wholes[i] sequences and a rest of
// rests[i] tokens, if there is one. `long_ones`: the num_long indices of those with a sequence at least.
struct SplitGroup {
    std::int64_t first_document;
    std::size_t size;
    const Length* wholes;
    const Length* rests;
    const std::uint16_t* long_ones;
    std::size_t num_long;
};

// The spans of all sequences of a group, as words that begin a sequence, to out[0], out[1], ...: how many
// there are. What comes behind them may be written as well, of `room` words.
std::int64_t write_wholes(const SplitGroup& group, Length sequence_length, std::uint64_t* out,
                          std::int64_t room);

// for_each_piece() with these options, in another order: take(group) for groups of at most
// PlainDocuments::kGroup documents, place() for the pieces of documents in groups that hold others, such as
// empty ones.
template <typename Take, typename Place>
inline void for_each_split_group(std::span<const Length> lengths, Chunk chunk, const PackOptions& options,
                                 PlanCounts& counts, Take&& take, Place&& place) {
    const PlainDocuments plain(options);
    const Length whole = options.sequence_length;
    const FastDivisor sequences_in(whole);
    constexpr Length kNone[PlainDocuments::kGroup] = {};
    for (std::size_t begin = chunk.begin; begin < chunk.end; begin += PlainDocuments::kGroup) {
        const std::size_t size = std::min(chunk.end - begin, PlainDocuments::kGroup);
        const auto group = lengths.subspan(begin, size);
        const auto first = static_cast<std::int64_t>(begin);
        const Length longest = plain.count_split(group, counts);
        if (longest == 0) {
            for_each_piece(lengths, {begin, begin + size}, options, counts, place);
            continue;
        }
        if (longest < whole) {
            take(SplitGroup{first, size, kNone, group.data(), nullptr, 0});
            continue;
        }
        Length wholes[PlainDocuments::kGroup];
        Length rests[PlainDocuments::kGroup];
        cut_group(group, whole, sequences_in, wholes, rests);
        std::uint16_t long_ones[PlainDocuments::kGroup];
        std::size_t num_long = 0;
        for (std::size_t i = 0; i < size; ++i) {
            long_ones[num_long] = static_cast<std::uint16_t>(i);
            num_long += wholes[i] != 0 ? 1 : 0;
        }
        take(SplitGroup{first, size, wholes, rests, long_ones, num_long});
    }
}

}  // namespace pypack
