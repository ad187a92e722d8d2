// The merges of a byte-pair encoding as a file has them, or by the places of their tokens.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenize/vocabulary/token_table.hpp"

namespace pypack {

// By their places in a vocabulary: the left side, the right side, and what they make.
using MergePlaces = std::vector<std::array<std::uint32_t, 3>>;

// In order of rank. Merges that were found in a vocabulary need not be looked up in it again.
class MergeList {
  public:
    MergeList() = default;
    // sides[2 * rank] and sides[2 * rank + 1] are the two sides of a merge.
    explicit MergeList(StringList sides) : sides_(std::move(sides)) {}
    // tokens: those of the vocabulary that the places are of; they must outlive the list.
    MergeList(MergePlaces places, const StringList& tokens) : places_(std::move(places)), tokens_(&tokens) {}

    [[nodiscard]] std::size_t size() const { return tokens_ != nullptr ? places_.size() : sides_.size() / 2; }
    [[nodiscard]] std::string_view left(std::size_t rank) const {
        return tokens_ != nullptr ? (*tokens_)[places_[rank][0]] : sides_[2 * rank];
    }
    [[nodiscard]] std::string_view right(std::size_t rank) const {
        return tokens_ != nullptr ? (*tokens_)[places_[rank][1]] : sides_[2 * rank + 1];
    }
    // Null where the list holds texts.
    [[nodiscard]] const MergePlaces* places() const { return tokens_ != nullptr ? &places_ : nullptr; }

  private:
    StringList sides_;
    MergePlaces places_;
    const StringList* tokens_ = nullptr;
};

}  // namespace pypack
