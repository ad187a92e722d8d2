// Metaspace, as far as it cuts: the replacing of spaces is the model's (MetaspaceRule of unigram_model.hpp).
#pragma once

#include <string>

#include "tokenize/pretokenize/pretokenizer.hpp"

namespace pypack {

// Words begin at each U+0020 and at each `replacement` (one character). With prepends_at_text_start a
// document that begins with neither gets a replacement in front (prepend_scheme "first").
// Throws std::invalid_argument where replacement is not one character.
PretokenizerPtr make_metaspace_pretokenizer(std::string replacement, bool prepends_at_text_start);

}  // namespace pypack
