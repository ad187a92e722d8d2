// How a tokenizer turns one word into ids.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "common/types.hpp"
#include "tokenize/models/word_cutter.hpp"
#include "tokenize/normalize/text_sink.hpp"

namespace pypack {

// Immutable once made: threads share one. The ids of a word depend on the bytes of the word alone; the word
// cache relies on it. BPE is bpe_model.hpp, WordPiece wordpiece_model.hpp, Unigram unigram_model.hpp.
class Model {
  public:
    // Memory that tokenize may use between its calls, so that it need not allocate; one per thread.
    class Workspace {
      public:
        virtual ~Workspace() = default;
    };

    virtual ~Model() = default;

    [[nodiscard]] virtual std::unique_ptr<Workspace> make_workspace() const = 0;

    // Appends the ids of `word` (not empty, valid UTF-8 unless the pretokenizer cuts characters). Called for
    // words that are not cached, of any length: O(n log n) time at worst, no recursion.
    virtual void tokenize(std::string_view word, Workspace& workspace, std::vector<TokenId>& ids) const = 0;

    // The same, and for each id the bytes of `word` that it came from; slower. Ids that share a character, as
    // the bytes of one do, each have part of it or all of it, as `tokenizers` has it. Throws
    // std::invalid_argument where the model drops a character, which leaves what is behind it displaced.
    virtual void tokenize_aligned(std::string_view word, Workspace& workspace, std::vector<TokenId>& ids,
                                  std::vector<ByteRange>& ranges) const = 0;

    // Where the ids of a word are in the list that tokenize_all filled.
    struct Ids {
        std::uint32_t begin;
        std::uint32_t count;
    };

    // The same for several words at once, which may be faster: found[i] says where in `ids` those of words[i]
    // are, until the next call with the same `ids`.
    virtual void tokenize_all(std::span<const std::string_view> words, Workspace& workspace,
                              std::vector<TokenId>& ids, std::vector<Ids>& found) const {
        ids.clear();
        found.clear();
        for (const std::string_view word : words) {
            const auto begin = static_cast<std::uint32_t>(ids.size());
            tokenize(word, workspace, ids);
            found.push_back({begin, static_cast<std::uint32_t>(ids.size()) - begin});
        }
    }

    // Calls visit with the words worth having in the cache from the start, such as those of the vocabulary.
    // Ids are found by tokenize: a vocabulary entry need not be what its own text gives.
    virtual void for_each_likely_word(const std::function<void(std::string_view)>& visit) const = 0;

    // Where words can be cut without changing their ids; null where nothing is known of it.
    [[nodiscard]] virtual std::unique_ptr<const WordCutter> make_cutter() const { return nullptr; }
};

using ModelPtr = std::shared_ptr<const Model>;

}  // namespace pypack
