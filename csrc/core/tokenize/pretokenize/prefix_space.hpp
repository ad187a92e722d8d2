// ByteLevel's add_prefix_space.
#pragma once

#include "tokenize/pretokenize/pretokenizer.hpp"

namespace pypack {

// Puts a space before each piece that does not begin with one; `inner` cuts it, null: a piece is one word.
[[nodiscard]] PretokenizerPtr make_prefix_space(PretokenizerPtr inner);

}  // namespace pypack
