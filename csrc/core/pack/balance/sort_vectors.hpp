// A few hundred 64-bit keys sorted in vectors: a network of comparisons, of which none depends on what another
// finds, so that nothing is mispredicted.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/simd.hpp"

#if PYPACK_X86_DISPATCH

namespace pypack {

inline constexpr std::size_t kKeysAVector = 8;

// `vectors` is a power of two. Sorts so many vectors of keys, the least first.
void sort_avx512(std::uint64_t* keys, std::size_t vectors);

}  // namespace pypack

#endif
