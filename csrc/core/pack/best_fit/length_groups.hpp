// Padding with documents of like length together, as trainers do with a length-grouped sampler: the rows of a
// group are padded to its longest document only.
#pragma once

#include <span>

#include "pack/plan/plan_arrays.hpp"

namespace pypack {

// One piece a sequence, from the longest down, those of equal aligned length in input order. Each
// `group_sequences` consecutive sequences have the capacity of their longest, rounded up to a multiple of
// align.
[[nodiscard]] PlanArrays pad_by_length(std::span<const Length> lengths, const PackOptions& options,
                                       std::int64_t group_sequences);

}  // namespace pypack
