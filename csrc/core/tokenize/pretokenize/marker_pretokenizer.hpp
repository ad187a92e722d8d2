// Words of SentencePiece-style BPE, whose text is cut nowhere by definition: a document is one word. It is
// cut here where the vocabulary proves that no merge crosses, so that words can be cached.
#pragma once

#include "tokenize/pretokenize/pretokenizer.hpp"
#include "tokenize/vocabulary/token_table.hpp"

namespace pypack {

// Pieces hold the marker U+2581 as a space, and no other space (BpeAlphabet::kSpaceMarker).
struct MarkerOptions {
    // Metaspace: whether the pretokenizer replaces U+2581 by a space itself, and puts one before a piece that
    // does not begin with one.
    enum class Prepend { kNever, kFirst, kAlways };
    bool rewrites = false;
    Prepend prepend = Prepend::kNever;
    bool cuts_at_spaces = false;  // Metaspace's split: a word begins at every space
    bool cuts_safely = false;     // at every border of two characters that no token holds
};

// tokens: the vocabulary, with U+2581 as a space, for cuts_safely.
[[nodiscard]] PretokenizerPtr make_marker_pretokenizer(MarkerOptions options, const StringList& tokens);

}  // namespace pypack
