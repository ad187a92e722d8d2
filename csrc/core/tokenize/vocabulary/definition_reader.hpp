// The large parts of a tokenizer.json, read without an object per token: vocabulary and merges.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tokenize/vocabulary/vocabulary.hpp"

namespace pypack {

// How the scores of a Unigram model become doubles.
enum class ScoreRounding {
    kNearest,  // as every parser rounds
    kSerde,    // as `tokenizers` rounds where it reads a file (serde_number.hpp)
};

struct Definition {
    std::string rest;                        // the JSON, with null for what was taken out
    std::shared_ptr<Vocabulary> vocabulary;  // model.vocab: {token: id} or [[token, score]]; null if neither
    std::optional<StringList> merges;  // model.merges: the two sides of merge r are strings 2r and 2r + 1
};

// Reads strictly; `rest` itself is checked only as far as needed to find its way. Throws
// std::invalid_argument, saying where, for what it does not understand: malformed JSON, a token twice in an
// object, a merge that is not two tokens.
[[nodiscard]] Definition read_definition(std::string_view json, ScoreRounding rounding);

}  // namespace pypack
