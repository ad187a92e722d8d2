// The model of a tiktoken vocabulary as the text of a tokenizer.json.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/types.hpp"
#include "tokenize/vocabulary/merge_list.hpp"
#include "tokenize/vocabulary/token_table.hpp"

namespace pypack {

// Tokens, as bytes, with the rank of each, which is its id. Writes {token: id}, in the order given, without
// the closing brace, to `vocabulary`; and to `merges` the list of every way to make a token of two others: by
// the rank of the token, then by those of its sides. Tokens are spelled in GPT-2's byte alphabet.
void write_rank_model(const StringList& tokens, const std::vector<TokenId>& ranks, std::string& vocabulary,
                      std::string& merges);

// The same as the parts of a model: the vocabulary, its tokens in the order given, and the merges.
[[nodiscard]] StringList spell_tokens(const StringList& tokens);
[[nodiscard]] MergePlaces merges_of_ranks(const StringList& tokens, const std::vector<TokenId>& ranks);

// Reads a `.tiktoken` file: lines of a token in base64 and its rank; of a token that is there twice the last
// rank. Returns 0, or the number of the first line that is something else.
[[nodiscard]] std::size_t read_rank_file(std::string_view file, StringList& tokens,
                                         std::vector<TokenId>& ranks);

}  // namespace pypack
