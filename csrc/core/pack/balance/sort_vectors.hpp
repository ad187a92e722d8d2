// A few hundred 64-bit keys sorted in vectors: a network of comparisons, of which none depends on what
// another finds, so that nothing is mispredicted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/instructions.hpp"

namespace pypack {

inline constexpr std::size_t kMostInVectors = 1024;  // keys; of more, other ways take less

// Sorts keys, the least first, if there are not too many and the machine has vectors for it; else returns
// false, and the keys are as they were. Throws std::invalid_argument where the machine lacks the
// instructions.
[[nodiscard]] bool sort_in_vectors(std::vector<std::uint64_t>& keys,
                                   Instructions instructions = Instructions::kBest);

// Sorts keys, the least first: some dozens of them.
void sort_few_keys(std::vector<std::uint64_t>& keys);

}  // namespace pypack
