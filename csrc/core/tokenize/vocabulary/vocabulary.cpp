#include "tokenize/vocabulary/vocabulary.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <stdexcept>
#include <string>

namespace pypack {

Vocabulary::Vocabulary(StringList tokens, std::vector<TokenId> ids, std::vector<double> scores)
    : tokens_(std::move(tokens)), ids_(std::move(ids)), scores_(std::move(scores)), table_(tokens_) {
    if (ids_.size() != tokens_.size() || (!scores_.empty() && scores_.size() != tokens_.size())) {
        throw std::invalid_argument("a vocabulary of " + std::to_string(tokens_.size()) +
                                    " tokens needs as many ids and scores, got " +
                                    std::to_string(ids_.size()) + " and " + std::to_string(scores_.size()));
    }
    bool counts_up = true;
    for (std::uint32_t i = 0; i < ids_.size(); ++i) {
        if (ids_[i] == kNoToken) throw std::invalid_argument("ids must be at most 2^32-2");
        repeats_tokens_ |= !table_.insert(i, ids_[i]);
        counts_up &= ids_[i] == i;
        id_bound_ = std::max(id_bound_, std::size_t{ids_[i]} + 1);
    }
    if (counts_up) return;
    by_id_.resize(ids_.size());
    std::iota(by_id_.begin(), by_id_.end(), 0U);
    const auto has_lower_id = [this](std::uint32_t a, std::uint32_t b) { return ids_[a] < ids_[b]; };
    std::stable_sort(by_id_.begin(), by_id_.end(), has_lower_id);
    for (std::size_t i = 1; i < by_id_.size(); ++i) repeats_ids_ |= ids_[by_id_[i - 1]] == ids_[by_id_[i]];
}

std::optional<std::string_view> Vocabulary::token(TokenId id) const {
    if (by_id_.empty()) {
        if (id >= size()) return std::nullopt;
        return tokens_[id];
    }
    const auto below = [this](std::uint32_t index, TokenId wanted) { return ids_[index] < wanted; };
    const auto found = std::lower_bound(by_id_.begin(), by_id_.end(), id, below);
    if (found == by_id_.end() || ids_[*found] != id) return std::nullopt;
    return tokens_[*found];
}

std::string canonical_bytes(const Vocabulary& vocabulary, const MergeList* merges) {
    std::string bytes;
    const std::size_t merged = merges == nullptr ? 0 : 32 * merges->size();
    bytes.reserve(vocabulary.tokens().text.size() + 24 * vocabulary.size() + merged);
    const auto put_number = [&](std::uint64_t number) {
        char digits[8];
        for (int i = 0; i < 8; ++i) digits[i] = static_cast<char>(number >> 8 * i);
        bytes.append(digits, sizeof digits);
    };
    const auto put_text = [&](std::string_view text) {
        put_number(text.size());
        bytes.append(text);
    };
    for (std::size_t rank = 0; rank < vocabulary.size(); ++rank) {
        const std::size_t i = vocabulary.by_rank(rank);
        put_number(vocabulary.ids()[i]);
        put_text(vocabulary.tokens()[i]);
        if (!vocabulary.scores().empty()) put_number(std::bit_cast<std::uint64_t>(vocabulary.scores()[i]));
    }
    if (merges == nullptr) return bytes;
    for (std::size_t rank = 0; rank < merges->size(); ++rank) {
        put_text(merges->left(rank));
        put_text(merges->right(rank));
    }
    return bytes;
}

}  // namespace pypack
