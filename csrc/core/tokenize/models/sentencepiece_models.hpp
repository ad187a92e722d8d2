// The models of a SentencePiece file, with the ids that version 0.2.3 of the `sentencepiece`
// library gives, its rounding
// included: scores are summed up in single precision, over the whole text.
#pragma once

#include <string>

#include "tokenize/models/model.hpp"
#include "tokenize/vocabulary/vocabulary.hpp"

namespace pypack {

// What a piece is, as the file numbers it.
enum class PieceKind : char {
    kNormal = '1',
    kUnknown = '2',
    kControl = '3',
    kUserDefined = '4',
    kUnused = '5',
    kByte = '6',
};

struct SentencePieceOptions {
    VocabularyPtr pieces;  // with scores; an id is an index
    std::string kinds;     // a PieceKind each
    bool byte_fallback = false;
};

// Words are whole normalized texts. Both throw std::invalid_argument where the parts do not fit together.
[[nodiscard]] ModelPtr make_sentencepiece_bpe(const SentencePieceOptions& options);
[[nodiscard]] ModelPtr make_sentencepiece_unigram(const SentencePieceOptions& options);

}  // namespace pypack
