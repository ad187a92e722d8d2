// What byte-pair encoding begins with: the symbols of a word, before any merge.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenize/models/bpe_model.hpp"

namespace pypack {

// One symbol for each character that a word can hold, by code point: pages of 256, made when needed.
class CharacterTable {
  public:
    void set(char32_t code_point, TokenId id) {
        std::uint32_t& page = pages_[code_point >> 8];
        if (page == 0) {
            values_.resize(values_.size() + 256, kNoToken);
            page = static_cast<std::uint32_t>(values_.size() / 256 - 1);
        }
        values_[page << 8 | (code_point & 255)] = id;
    }

    [[nodiscard]] TokenId operator[](char32_t code_point) const {
        return values_[pages_[code_point >> 8] << 8 | (code_point & 255)];
    }

  private:
    std::vector<std::uint32_t> pages_ = std::vector<std::uint32_t>(0x1100, 0);
    std::vector<TokenId> values_ = std::vector<TokenId>(256, kNoToken);  // page 0: nothing known
};

class BpeSymbols {
  public:
    // Throws std::invalid_argument where the unknown token, or a fallback byte that text may need, is not in
    // the vocabulary.
    BpeSymbols(const BpeOptions& options, VocabularyPtr vocabulary);

    // Appends the symbols of a word.
    void append(std::string_view word, std::vector<TokenId>& symbols) const;

    // Appends the symbols of a word, and where in it each ends. Throws std::invalid_argument where the model
    // drops a character.
    void append_aligned(std::string_view word, std::vector<TokenId>& symbols,
                        std::vector<std::uint32_t>& ends) const;

    // Whether the token stands for other text than its own: the unknown token and the fallback bytes.
    [[nodiscard]] bool stands_for_other_text(TokenId id) const;

    // Bytes of a word that a token made by merges stands for, beginning at `begin` of a word of `size` bytes.
    [[nodiscard]] std::size_t merged_size(TokenId id, std::size_t begin, std::size_t size) const;

    // A token as the engine's words hold it; nullopt for one that no word can be.
    [[nodiscard]] std::optional<std::string> text_of_token(std::string_view token) const;

    // The symbol of each byte, where every byte has one whatever its place.
    [[nodiscard]] std::optional<std::array<TokenId, 256>> symbols_of_bytes() const;

  private:
    class Unknown;

    // Where in a word a character stands decides which marks its symbol carries.
    enum Place : unsigned { kFirst = 1, kLast = 2 };

    void read_characters();
    void read_fallback();
    void append_bytes(std::string_view word, std::vector<TokenId>& symbols) const;
    void append_characters(std::string_view word, std::vector<TokenId>& symbols) const;
    [[nodiscard]] std::size_t size_in_words(std::string_view token) const;

    BpeOptions options_;
    VocabularyPtr vocabulary_;
    std::array<CharacterTable, 4> characters_;  // by Place
    std::array<TokenId, 256> fallback_{};
    std::pair<TokenId, TokenId> fallback_bounds_{};
    TokenId unk_ = kNoToken;
};

}  // namespace pypack
