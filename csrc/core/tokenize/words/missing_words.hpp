// Words that the caches lack: their ids, and the caches filled with them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "common/types.hpp"
#include "tokenize/models/model.hpp"
#include "tokenize/words/shared_word_cache.hpp"

namespace pypack {

// A long word is cut where its model lets it be (word_cutter.hpp), and its pieces are looked up first: in
// scripts without spaces most of a new word is not new. What is left of all words is tokenized together.
class MissingWords {
  public:
    // A word of more pieces hardly comes again: half a sentence, say. Its pieces do, and are known.
    static constexpr std::size_t kMostCachedPieces = 4;
    // Of whitespace and marks, pieces are shorter, and such words do come again.
    static constexpr std::size_t kFewestBytesOfPiece = 4;

    // All outlive it; cutter may be null.
    MissingWords(const Model& model, const WordCutter* cutter, SharedWordCache::Session& known);

    // Adds a word of up to LongWordCache::kMaxWordBytes bytes, unless it was added lately; returns which one
    // it is, until cache(). hash: of a word longer than a key hash_bytes, else of its key.
    std::size_t add(std::string_view word, std::uint64_t hash);

    // Whether a word of so many bytes and pieces is one whose pieces had better been looked for at once.
    [[nodiscard]] static bool is_better_cut(std::size_t size, std::size_t pieces) {
        return pieces > kMostCachedPieces && size >= kFewestBytesOfPiece * pieces;
    }
    [[nodiscard]] bool is_better_cut(std::size_t i) const {
        return is_better_cut(words_[i].text.size(), words_[i].end - (i == 0 ? 0 : words_[i - 1].end));
    }

    // Finds the ids of all words; then they are at hand.
    void encode();
    [[nodiscard]] std::span<const TokenId> ids(std::size_t i) const {
        return std::span(ids_).subspan(words_[i].ids.begin, words_[i].ids.count);
    }

    // Puts the words, and their pieces, into the caches, and forgets them.
    void cache();

    // Appends the ids of one word of any length to `ids`; no words may have been added.
    void encode_alone(std::string_view word, std::vector<TokenId>& ids);

  private:
    struct Word {
        std::string_view text;
        std::uint64_t hash;
        std::size_t end;  // of its pieces
        Model::Ids ids;
        bool may_come_again;
    };
    struct Piece {
        std::string_view text;
        WordKey key;  // of a short one
        bool may_be_known;
        const ShortWordCache::Slot* slot;
    };

    void add_piece(std::string_view piece, bool may_be_known);
    void take(std::vector<TokenId>& ids);
    [[nodiscard]] bool cut(std::string_view word);

    const Model& model_;
    const WordCutter* cutter_;
    SharedWordCache::Session& known_;
    std::unique_ptr<Model::Workspace> workspace_;

    std::vector<Word> words_;
    std::array<std::uint32_t, 256> lately_{};  // by hash: the last such word; checked, so never cleared
    std::vector<Piece> pieces_;
    std::vector<std::size_t> cuts_;
    std::vector<TokenId> ids_;
    // The pieces that are not known to be in a cache.
    std::vector<std::string_view> new_texts_;
    std::vector<TokenId> new_ids_;
    std::vector<Model::Ids> new_found_;
};

}  // namespace pypack
