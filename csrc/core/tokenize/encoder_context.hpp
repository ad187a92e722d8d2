// What one thread needs to encode documents.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenize/encoder.hpp"
#include "tokenize/text/utf8_memory.hpp"
#include "tokenize/words/word_encoder.hpp"

namespace pypack {

// The parts of an encoder that documents go through, all outliving the context.
struct EncoderSteps {
    const Normalizer* normalizer;
    const Pretokenizer* pretokenizer;
    const AddedTokenFinder& raw_tokens;
    const AddedTokenFinder& normalized_tokens;
    const std::vector<TokenId>& prefix;
    const std::vector<TokenId>& suffix;
};

class EncoderContext {
  public:
    EncoderContext(const EncoderParts& parts, SharedWords& shared);

    // Begins an output in `room`; the same thread has to end() it.
    void begin(Buffer<TokenId> room) { words_.begin(std::move(room)); }
    void end() { words_.end(); }

    // Appends the ids of documents texts[first, last) to words(), whose document_ends() are then of these.
    void encode(const EncoderSteps& steps, std::span<const TextView> texts, std::size_t first,
                std::size_t last, const EncodeOptions& options);

    [[nodiscard]] const WordEncoder& words() const { return words_; }
    // For who adds words by itself instead.
    [[nodiscard]] WordEncoder& words() { return words_; }

    // Which of the documents of the last encode() spell a special token as text: each as often as it does.
    [[nodiscard]] const std::vector<std::uint32_t>& look_alikes() const { return look_alikes_; }

    // Empties the output, but for the first `kept` ids.
    void forget_ids(Offset kept) { words_.forget_ids(kept); }
    // With the memory that they are in.
    [[nodiscard]] Buffer<TokenId> take_ids() { return words_.take_ids(); }

  private:
    static constexpr std::size_t kTexts = 64;

    void note_look_alikes(std::size_t count) { look_alikes_.insert(look_alikes_.end(), count, document_); }
    void add_document(const EncoderSteps& steps, std::string_view text, bool skip_special);
    void add_text(const EncoderSteps& steps, std::string_view text, bool at_text_start, bool skip_special);
    void forget_texts(std::size_t kept = 0);
    [[nodiscard]] std::string& empty_text(std::size_t kept);

    WordEncoder words_;
    // Texts that the words at hand refer to: documents, and what was made of them on the way. When the room
    // for either is used up the words are encoded.
    Utf8Memory documents_;
    std::array<std::string, kTexts> texts_;
    std::size_t texts_in_use_ = 0;
    std::vector<std::uint32_t> look_alikes_;
    std::uint32_t document_ = 0;  // that is at hand
    std::vector<TextPiece> raw_pieces_;
    std::vector<TextPiece> normalized_pieces_;
};

}  // namespace pypack
