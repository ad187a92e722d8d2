// WordPiece (Schuster and Nakajima 2012; greedy longest match first, as in BERT).
#pragma once

#include <string>

#include "tokenize/models/model.hpp"
#include "tokenize/vocabulary/vocabulary.hpp"

namespace pypack {

struct WordPieceOptions {
    VocabularyPtr vocabulary;
    TokenId unknown_id = 0;
    std::string continuing_prefix = "##";
    std::size_t max_characters = 100;  // a longer word is unknown
};

// Throws std::invalid_argument for a vocabulary that no trie holds.
ModelPtr make_wordpiece_model(WordPieceOptions options);

}  // namespace pypack
