// What one thread needs to encode documents.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "tokenize/encoder.hpp"
#include "tokenize/word_encoder.hpp"

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
    EncoderContext(const EncoderParts& parts, const WordSeeds& seeds);

    // Appends the ids of documents texts[first, last) to words().
    void encode(const EncoderSteps& steps, std::span<const TextView> texts, std::size_t first,
                std::size_t last, const EncodeOptions& options);

    [[nodiscard]] WordEncoder& words() { return words_; }

  private:
    // A document begins with at most half of the texts in use, and a piece of it with three quarters.
    static constexpr std::size_t kTexts = 64;

    void add_document(const EncoderSteps& steps, std::string_view text, bool skip_special);
    void add_text(const EncoderSteps& steps, std::string_view text, bool at_text_start, bool skip_special);
    void make_room(std::size_t kept, std::size_t most);
    [[nodiscard]] std::string& unused_text(std::size_t kept);
    [[nodiscard]] std::string& empty_text(std::size_t kept);

    WordEncoder words_;
    // Texts made on the way, which the words at hand refer to. When all are in use the words are encoded.
    std::array<std::string, kTexts> texts_;
    std::size_t texts_in_use_ = 0;
    std::size_t document_texts_ = 0;  // of them, those in use when the document at hand began, and its own
    std::vector<TextPiece> raw_pieces_;
    std::vector<TextPiece> normalized_pieces_;
};

}  // namespace pypack
