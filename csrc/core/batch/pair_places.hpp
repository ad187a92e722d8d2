// Where the spans of a batch stand on the two sides of an encoder and a decoder.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "batch/sequence_source.hpp"
#include "objective/pair_sizes.hpp"

namespace pypack {

// One side of a batch.
struct PairSide {
    std::vector<std::int64_t> rows;     // [rows + 1], where each begins; and the end of the last
    std::vector<std::int32_t> borders;  // varlen: prefix sums of the spans' items
    std::int32_t longest = 0;           // varlen: items of a span
};

struct PairPlaces {
    PairSide inputs;
    PairSide targets;
};

// Every row takes up the rooms of both sides.
[[nodiscard]] PairPlaces padded_pair_places(std::int64_t num_rows, PairLengths rooms);

// All spans end to end. `rows` and their spans are of one batch; what a span comes to is counted by its place
// in the plan. Throws std::invalid_argument where a row has more items than room on a side, and
// std::overflow_error for more than 2^31-1 items of all.
[[nodiscard]] PairPlaces varlen_pair_places(std::span<const SequenceSource> sources,
                                            std::span<const RowRef> rows, const ResolvedRows& resolved,
                                            const PairSizes& sizes, PairLengths rooms);

// Throws std::invalid_argument where so many items of a row are more than its rooms.
void check_pair_rooms(std::int64_t inputs, std::int64_t targets, PairLengths rooms);

}  // namespace pypack
