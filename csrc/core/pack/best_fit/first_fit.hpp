// First fit: each piece into the earliest sequence that has room. A baseline, not bulk: its result depends on
// the order of the documents.
#pragma once

#include <span>

#include "pack/plan/plan_arrays.hpp"

namespace pypack {

[[nodiscard]] PlanArrays first_fit(std::span<const Length> lengths, const PackOptions& options);

}  // namespace pypack
