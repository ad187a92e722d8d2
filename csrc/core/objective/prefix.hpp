// Prefix language modelling with one side: the first tokens of a span are given, the rest are learned.
#pragma once

#include <memory>

#include "objective/objective.hpp"

namespace pypack {

// `rate`: of the tokens that are learned, on average; at most 0.5. Adds the array "prefix_mask".
[[nodiscard]] std::shared_ptr<Objective> prefix_targets(double rate);

}  // namespace pypack
