// `\s++$` before the other alternatives for whitespace, as tiktoken's own cl100k has it.
#pragma once

#include "tokenize/pretokenize/pretokenizer.hpp"

namespace pypack {

// Cuts as `inner` does, but whitespace at the end of a piece is one word, in which inner cuts behind
// newlines.
[[nodiscard]] PretokenizerPtr make_trailing_blanks(PretokenizerPtr inner);

}  // namespace pypack
