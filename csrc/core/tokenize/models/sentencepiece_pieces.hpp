// The pieces of a SentencePiece file, and how ids of text are made of those of its parts.
#pragma once

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tokenize/models/sentencepiece_models.hpp"
#include "tokenize/unicode/utf8.hpp"
#include "tokenize/vocabulary/byte_trie.hpp"

namespace pypack {

class SentencePieces {
  public:
    explicit SentencePieces(const SentencePieceOptions& options) : options_(options) {
        const Vocabulary& pieces = *options_.pieces;
        if (pieces.scores().size() != pieces.size() || options_.kinds.size() != pieces.size()) {
            throw std::invalid_argument("every piece needs a score and a kind");
        }
        bytes_.fill(kNoToken);
        for (TokenId id = 0; id < pieces.size(); ++id) {
            if (kind(id) == PieceKind::kUnknown) {
                unknown_ = id;
            } else if (kind(id) == PieceKind::kByte) {
                read_byte(text(id), id);
            }
        }
        if (unknown_ == kNoToken) throw std::invalid_argument("no piece is the unknown one");
        if (options_.byte_fallback && std::find(bytes_.begin(), bytes_.end(), kNoToken) != bytes_.end()) {
            throw std::invalid_argument("byte_fallback without a piece for every byte");
        }
    }

    [[nodiscard]] std::size_t size() const { return options_.kinds.size(); }
    [[nodiscard]] PieceKind kind(TokenId id) const { return static_cast<PieceKind>(options_.kinds[id]); }
    [[nodiscard]] std::string_view text(TokenId id) const { return options_.pieces->tokens()[id]; }
    [[nodiscard]] float score(TokenId id) const { return static_cast<float>(options_.pieces->scores()[id]); }
    [[nodiscard]] TokenId unknown() const { return unknown_; }
    [[nodiscard]] bool byte_fallback() const { return options_.byte_fallback; }

    // Whether text can come to the piece.
    [[nodiscard]] bool is_text(TokenId id) const {
        return kind(id) == PieceKind::kNormal || kind(id) == PieceKind::kUserDefined ||
               kind(id) == PieceKind::kUnused;
    }
    [[nodiscard]] bool has(PieceKind kind) const {
        return options_.kinds.find(static_cast<char>(kind)) != std::string::npos;
    }

    // Appends the id of a part of a text: of unknown ones its bytes, or one id for those side by side.
    void append(TokenId id, std::string_view part, bool& after_unknown, std::vector<TokenId>& ids) const {
        const bool is_unknown = kind(id) == PieceKind::kUnknown;
        if (!is_unknown) {
            ids.push_back(id);
        } else if (options_.byte_fallback) {
            for (const char byte : part) ids.push_back(bytes_[static_cast<unsigned char>(byte)]);
        } else if (!after_unknown) {
            ids.push_back(id);
        }
        after_unknown = is_unknown;
    }

    // A trie of the pieces that `takes` takes, with their ids.
    template <typename Takes>
    [[nodiscard]] ByteTrie trie(Takes&& takes) const {
        std::vector<ByteTrie::Entry> entries;
        for (TokenId id = 0; id < size(); ++id) {
            if (takes(id)) entries.emplace_back(text(id), id);
        }
        return ByteTrie(std::move(entries));
    }

  private:
    // <0x00> to <0xFF>
    void read_byte(std::string_view text, TokenId id) {
        const auto digit = [&](std::size_t i) {
            const std::size_t value = std::string_view("0123456789ABCDEF").find(text[i]);
            if (value == std::string_view::npos) throw std::invalid_argument("a byte piece is malformed");
            return value;
        };
        if (text.size() != 6 || !text.starts_with("<0x")) {
            throw std::invalid_argument("a byte piece is malformed");
        }
        bytes_[16 * digit(3) + digit(4)] = id;
    }

    SentencePieceOptions options_;
    TokenId unknown_ = kNoToken;
    std::array<TokenId, 256> bytes_{};
};

}  // namespace pypack
