// Unigram language model segmentation (Kudo 2018, "Subword Regularization", section 3.2): of all ways to cut
// a word into pieces, the one whose scores sum to most.
#pragma once

#include <optional>
#include <string>

#include "tokenize/models/model.hpp"
#include "tokenize/vocabulary/vocabulary.hpp"

namespace pypack {

// What the Metaspace pretokenizer does to a word. The model does it when it meets the word, so that the words
// in the cache are those of the text as it stands.
struct MetaspaceRule {
    std::string replacement = "\u2581";  // of U+0020
    bool prepends = true;                // to a word that does not begin with it
    bool cuts = true;                    // before each of it
    // What stands for a leading replacement in text: " ", or "" where the pretokenizer drops whitespace.
    std::string leading = " ";
};

struct UnigramOptions {
    VocabularyPtr pieces;  // with scores; an id is an index
    TokenId unknown_id = 0;
    bool byte_fallback = false;
    std::optional<MetaspaceRule> metaspace;
};

// Scores, ties (the piece that begins first), unknown characters and their fusion are those of `tokenizers`.
// Throws std::invalid_argument for an unknown_id that is not an index, and for pieces without scores.
ModelPtr make_unigram_model(UnigramOptions options);

}  // namespace pypack
