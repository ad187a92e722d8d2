// Pretokenizers that cut at whitespace: BertPreTokenizer and WhitespaceSplit.
#pragma once

#include "tokenize/pretokenize/pretokenizer.hpp"

namespace pypack {

// Words are runs of what is not whitespace; each punctuation character is a word of its own.
PretokenizerPtr make_bert_pretokenizer();

// Words are runs of what is not whitespace.
PretokenizerPtr make_whitespace_split();

}  // namespace pypack
