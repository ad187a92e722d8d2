// Sequences with two capacities, for encoders and decoders: the pieces of a sequence fit on both sides.
#pragma once

#include <cstdint>
#include <span>

#include "objective/pair_sizes.hpp"
#include "pack/plan/options.hpp"
#include "pack/plan/plan_arrays.hpp"

namespace pypack {

struct PairOptions {
    PairLengths rooms;                          // items of a sequence on each side
    Length most_runs = PairSizes::kMostTokens;  // of a piece that are left out: there are so many sentinels
    Overflow overflow = Overflow::split;        // of documents with more tokens than a piece may have
    Length max_documents = 0;                   // spans in one sequence, at least 1
    Length drop_shorter_than = 0;               // pieces with fewer tokens are left out and counted
    std::int64_t open_sequences = 256;          // that a piece may still go into
};

// Documents in order. A piece goes into the open sequence that it fills best: where the least is left of both
// sides together, each as a share of its room; the oldest of equals. Where it fits in none, it begins a new
// one; then the fullest is closed if there are more than `open_sequences`. The capacity of all is the sum of
// both rooms. Throws std::invalid_argument for rooms that a piece of one token does not fit in.
[[nodiscard]] PlanArrays pack_pairs(std::span<const Length> lengths, const PairSizes& sizes,
                                    const PairOptions& options);

}  // namespace pypack
