// Words → ids through the cache, a batch at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "common/buffer.hpp"
#include "common/types.hpp"
#include "tokenize/models/model.hpp"
#include "tokenize/pretokenize/pretokenizer.hpp"
#include "tokenize/words/early_cuts.hpp"
#include "tokenize/words/missing_words.hpp"
#include "tokenize/words/shared_word_cache.hpp"

namespace pypack {

// What the encoders of all threads share.
struct SharedWords {
    explicit SharedWords(const Model& model);

    SharedWordCache cache;  // at first the model's likely words
    std::unique_ptr<const WordCutter> cutter;

  private:
    SharedWords(const Model& model, const StringList& likely);
};

// One thread's memory for encoding: the words at hand and the ids so far. A batch of words is first
// hashed, and their cache lines fetched, then looked up: by then the lines have come. The words that the
// caches lack are tokenized together, and their ids put in between. What ids come to does not depend on what
// the caches hold.
class WordEncoder {
    static constexpr std::size_t kBatch = 256;

  public:
    static constexpr std::size_t kSlackIds = ShortWordCache::kInlineIds * (kBatch + WordSpans::kSlack);

    // `shared` must outlive the encoder.
    WordEncoder(ModelPtr model, PretokenizerPtr pretokenizer, SharedWords& shared);
    WordEncoder(const WordEncoder&) = delete;
    WordEncoder& operator=(const WordEncoder&) = delete;

    // Begins a new output in `room`, whose content it forgets; the same thread has to end() it. Room for
    // kSlackIds more than there are ids saves it from growing.
    void begin(Buffer<TokenId> room);
    // Ends the output, after flush().
    void end() { known_.end(); }

    // Begins to note the ends of documents anew.
    void begin_documents();

    // Appends the ids of the words of `piece`, which must stay where it is until flush().
    void add_piece(std::string_view piece);
    void add_token(TokenId id);

    // Appends the ids of `count` words of `piece` that the caller has found, which also must stay: as many as
    // WordSpans with a capacity of kMostWords may hold.
    static constexpr std::size_t kMostWords = kBatch;
    void add_words(std::string_view piece, const std::uint32_t* begins, const std::uint32_t* ends,
                   std::size_t count);
    // Notes that a document ends here.
    void end_document();

    // From the next begin_documents() on, whether the ends of words are noted as those of documents are:
    // document_ends() has both then, and is_document_end(), of each of them, says which it is.
    void note_word_ends(bool notes) { notes_words_ = notes; }
    [[nodiscard]] const std::vector<std::uint8_t>& is_document_end() const { return is_document_end_; }

    // Calls step(), which does nothing with this encoder, on a text of `size` bytes.
    template <typename Step>
    decltype(auto) prepare(std::size_t size, Step&& step) {
        return size < kLongText ? step() : known_.without(std::forward<Step>(step));
    }

    // Encodes all words at hand; afterwards no piece is referred to.
    void flush();

    // The output, after flush().
    [[nodiscard]] const Buffer<TokenId>& ids() const { return ids_; }
    // Empties it, but for the first `kept` ids, after flush().
    void forget_ids(Offset kept) { ids_.resize(kept); }
    [[nodiscard]] Buffer<TokenId> take_ids() { return std::move(ids_); }
    // For each document, the number of ids of the output up to its end.
    [[nodiscard]] const std::vector<Offset>& document_ends() const { return document_ends_; }

  private:
    // Missing words that are tokenized together, over several batches: side by side they hide each other's
    // waits.
    static constexpr std::size_t kMissing = 64;
    // They are not waited for any longer when so many ids, or ends of documents, have come behind the first.
    static constexpr std::int64_t kMostBehindGap = 8192;
    static constexpr std::size_t kMostEnds = 1024;
    static constexpr std::size_t kMostEvents = 4096;
    // Other threads are not to wait while longer texts are prepared.
    static constexpr std::size_t kLongText = std::size_t{1} << 18;
    // Ends that need more memory than this give it back.
    static constexpr std::size_t kKeptEnds = std::size_t{1} << 20;

    // Something between words: an id, or with kNoToken the end of a document.
    struct Event {
        std::size_t word;
        TokenId id;
    };

    struct Word {
        WordKey key;  // of a word too long for one, its hash and what no key has
        const char* text;
        std::uint32_t size;
        std::uint32_t line;
    };

    // A document that ends behind a gap.
    struct End {
        std::size_t document;
        std::size_t gaps;  // before it
    };

    void put_words(std::string_view piece, const std::uint32_t* begins, const std::uint32_t* ends,
                   std::size_t count);
    void put_cut_words(std::string_view piece, std::size_t count);
    void add_event(TokenId id);
    void end_word();
    void look_up();
    void encode_words(std::size_t from, std::size_t to);
    void append_elsewhere(std::size_t index, std::size_t words_left);
    void fill_gaps();
    void append(std::span<const TokenId> ids, std::size_t words_left);

    ModelPtr model_;
    PretokenizerPtr pretokenizer_;
    SharedWordCache::Session known_;

    std::array<Word, kBatch + WordSpans::kSlack> words_;
    std::size_t num_words_ = 0;
    std::uint32_t rounds_ = 0;
    std::vector<Event> events_;
    std::array<std::uint32_t, kBatch + 2 * WordSpans::kSlack> span_begins_;
    std::array<std::uint32_t, kBatch + 2 * WordSpans::kSlack> span_ends_;

    // Where a word belongs that the caches lack.
    struct Gap {
        std::int64_t at;  // the ids before it, those of other gaps not counted
        std::size_t word;
    };

    EarlyCuts early_cuts_;
    MissingWords missing_;
    std::vector<Gap> gaps_;
    std::vector<End> ends_;
    MissingWords alone_;

    Buffer<TokenId> ids_;
    std::vector<Offset> document_ends_;
    bool notes_words_ = false;
    std::vector<std::uint8_t> is_document_end_;  // empty unless words are noted
};

}  // namespace pypack
