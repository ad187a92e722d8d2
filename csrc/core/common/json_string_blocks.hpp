// The greater part of a JSON string, 64 bytes at a time.
#pragma once

#include "common/simd.hpp"

namespace pypack {

#if PYPACK_X86_DISPATCH

// Decodes from `p`, which stands in a string and not behind a backslash, on to the first thing that takes a
// closer look, and returns where it stands: a quote, a control character, an escape other than those of one
// letter, one that the block cuts in two, or less than 64 bytes before `end`. What is not ASCII is copied,
// and `has_others` set. `out` needs room for 64 bytes more than it moves.
[[nodiscard]] PYPACK_TARGET_AVX512 const char* copy_json_blocks(const char* p, const char* end, char*& out,
                                                                bool& has_others);

#endif

}  // namespace pypack
