// Sums of squares of a few numbers each, as the costs of the rows of a step are.
#pragma once

#include <cstdint>
#include <span>

#include "common/instructions.hpp"
#include "common/types.hpp"

namespace pypack {

// sums[i]: of the squares of rows[i], modulo 2^64.
void square_sums(std::span<const std::span<const Length>> rows, std::uint64_t* sums,
                 Instructions instructions = Instructions::kBest);

}  // namespace pypack
