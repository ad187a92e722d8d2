// Byte-pair encoding: byte-level (GPT-2 and its heirs) and over characters (SentencePiece).
#pragma once

#include <optional>
#include <string>

#include "tokenize/models/model.hpp"
#include "tokenize/vocabulary/vocabulary.hpp"

namespace pypack {

// What the bytes of a word stand for in the vocabulary.
enum class BpeAlphabet {
    kBytes,        // each byte is one of the 256 characters of GPT-2's byte alphabet
    kCharacters,   // as they are
    kSpaceMarker,  // as they are, but a space is U+2581: the engine keeps the marker as one byte
};

struct BpeOptions {
    BpeAlphabet alphabet = BpeAlphabet::kBytes;
    std::optional<std::string> unk_token;
    std::string continuing_subword_prefix;
    std::string end_of_word_suffix;
    bool fuse_unk = false;
    bool byte_fallback = false;
    bool ignore_merges = false;
};

// Places of merges are those of the vocabulary. Throws std::invalid_argument where the parts do not fit
// together, and where a merge involves a symbol that stands for other text than its own (an unknown or
// fallback byte).
[[nodiscard]] ModelPtr make_bpe_model(const BpeOptions& options, VocabularyPtr vocabulary,
                                      const MergeList& merges);

}  // namespace pypack
