// WordLevel: a word is a token as a whole, or unknown.
#pragma once

#include "tokenize/models/model.hpp"
#include "tokenize/vocabulary/vocabulary.hpp"

namespace pypack {

[[nodiscard]] ModelPtr make_wordlevel_model(VocabularyPtr vocabulary, TokenId unknown_id);

}  // namespace pypack
