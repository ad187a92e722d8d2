// The tokens of a model, by text and by id.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/types.hpp"
#include "tokenize/vocabulary/merge_list.hpp"
#include "tokenize/vocabulary/token_table.hpp"

namespace pypack {

// Immutable once made: models, decoders and threads share one.
class Vocabulary {
  public:
    // Token i has id ids[i] and, in a Unigram model, the log probability scores[i]. Of tokens with one text,
    // the later one is found by it. Throws std::invalid_argument where the numbers of each differ.
    Vocabulary(StringList tokens, std::vector<TokenId> ids, std::vector<double> scores = {});
    Vocabulary(const Vocabulary&) = delete;
    Vocabulary& operator=(const Vocabulary&) = delete;

    [[nodiscard]] std::size_t size() const { return ids_.size(); }
    [[nodiscard]] const StringList& tokens() const { return tokens_; }
    [[nodiscard]] const std::vector<TokenId>& ids() const { return ids_; }
    [[nodiscard]] const std::vector<double>& scores() const { return scores_; }

    // The id of a token; kNoToken where there is no such token.
    [[nodiscard]] TokenId operator[](std::string_view token) const { return table_[token]; }
    // The place of a token in tokens(); kNoToken where there is no such token.
    [[nodiscard]] std::uint32_t index_of(std::string_view token) const { return table_.index_of(token); }
    // The text of an id; nullopt where no token has it.
    [[nodiscard]] std::optional<std::string_view> token(TokenId id) const;

    // The index of the token with the rank-th lowest id.
    [[nodiscard]] std::size_t by_rank(std::size_t rank) const { return by_id_.empty() ? rank : by_id_[rank]; }

    // One more than the largest id; 0 where there is none.
    [[nodiscard]] std::size_t id_bound() const { return id_bound_; }
    [[nodiscard]] bool repeats_tokens() const { return repeats_tokens_; }
    [[nodiscard]] bool repeats_ids() const { return repeats_ids_; }

  private:
    StringList tokens_;
    std::vector<TokenId> ids_;
    std::vector<double> scores_;
    TokenTable table_;
    std::vector<std::uint32_t> by_id_;  // indices in order of id; empty where ids_[i] is i
    std::size_t id_bound_ = 0;
    bool repeats_tokens_ = false;
    bool repeats_ids_ = false;
};

// All that a vocabulary and the merges beside it (null: none) say, the tokens in order of id: equal bytes for
// equal contents, whatever order a file has them in.
[[nodiscard]] std::string canonical_bytes(const Vocabulary& vocabulary, const MergeList* merges);

using VocabularyPtr = std::shared_ptr<const Vocabulary>;

}  // namespace pypack
