// Documents → ids with their offsets, exactly as `tokenizers` has them. The parts of the encoder are the
// same; what differs is that every step carries an alignment along.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tokenize/encoder.hpp"
#include "tokenize/text/utf8_memory.hpp"

namespace pypack {

// One thread's memory, and what it has encoded so far.
class OffsetEncoder {
  public:
    OffsetEncoder(const EncoderParts& parts, const AddedTokenFinder& raw_tokens,
                  const AddedTokenFinder& normalized_tokens);

    // Appends the ids of documents texts[first, last), and their ranges. Throws std::invalid_argument, naming
    // the document.
    void encode(std::span<const TextView> texts, std::size_t first, std::size_t last,
                const EncodeOptions& options, OffsetUnit unit, const PlainRanges& plain);

    // What it has encoded, taken out; the words that it knows stay.
    struct Encoded {
        std::vector<TokenId> ids;
        std::vector<ByteRange> ranges;
    };
    [[nodiscard]] Encoded take() {
        document_ends_.clear();
        return {std::exchange(ids_, {}), std::exchange(ranges_, {})};
    }
    // For each document, the number of ids up to its end.
    [[nodiscard]] const std::vector<Offset>& document_ends() const { return document_ends_; }

  private:
    // Spaces at the ends of a token, which trimming takes away.
    struct Edges {
        std::uint32_t leading;
        std::uint32_t trailing;
    };

    struct WordHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view word) const { return hash_bytes(word); }
    };

    void add_document(const TextView& document, const EncodeOptions& options, OffsetUnit unit,
                      std::span<const ByteRange> plain);
    void set_plain(std::string_view text, std::span<const ByteRange> plain, OffsetUnit unit);
    void add_text(std::string_view text, std::size_t base, bool skip_special);
    [[nodiscard]] bool is_left_as_it_is(std::string_view text, bool at_text_start);
    void add_unchanged(std::string_view text, std::size_t base);
    void add_piece(std::string_view piece, std::size_t base, const Alignment& alignment);
    void add_word(std::string_view word, std::size_t base, const ByteRange* alignment);
    void add_token(TokenId id, std::string_view text, std::size_t begin, std::size_t end);
    void tokenize(std::string_view word);
    void to_characters(std::string_view text, std::size_t first);
    void to_bytes(std::size_t size, std::size_t first);
    void trim(const OffsetTrim& trim, std::size_t num_before, std::size_t first);

    const EncoderParts& parts_;
    const AddedTokenFinder& raw_tokens_;
    const AddedTokenFinder& normalized_tokens_;
    std::unique_ptr<Model::Workspace> workspace_;
    std::vector<TokenId> ids_;
    std::vector<ByteRange> ranges_;
    std::vector<Offset> document_ends_;

    // Of the document at hand.
    std::vector<Edges> edges_;  // of its tokens, where they are trimmed
    std::vector<std::uint32_t> character_of_byte_;
    std::vector<std::uint32_t> byte_of_character_;
    std::vector<ByteRange> plain_;  // in bytes
    Utf8Memory memory_;
    std::string normalized_;
    std::string rewritten_;
    std::vector<TextPiece> raw_pieces_;
    std::vector<TextPiece> normalized_pieces_;
    // Words seen before. Ids and ranges of all of them stand end to end; those of the word at hand are
    // [word_begin_, word_end_).
    std::unordered_map<std::string, std::pair<std::size_t, std::size_t>, WordHash, std::equal_to<>> words_;
    std::vector<TokenId> word_ids_;
    std::vector<ByteRange> word_ranges_;
    std::size_t word_begin_ = 0;
    std::size_t word_end_ = 0;
    std::array<std::uint32_t, 256 + 2 * WordSpans::kSlack> span_begins_;
    std::array<std::uint32_t, 256 + 2 * WordSpans::kSlack> span_ends_;
};

}  // namespace pypack
