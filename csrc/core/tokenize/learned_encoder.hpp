// Documents → ids and which of them are learned, at the speed of ids alone: what an id stands for is asked
// for only where a border of a learned span cuts a word.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenize/encoder.hpp"
#include "tokenize/learned_spans.hpp"
#include "tokenize/offset_encoder.hpp"
#include "tokenize/text/utf8_memory.hpp"
#include "tokenize/words/word_encoder.hpp"

namespace pypack {

// One thread's memory. The ids and verdicts are those that OffsetEncoder's ranges give.
class LearnedEncoder {
  public:
    // All outlive it; `words` has begun an output.
    LearnedEncoder(const EncoderParts& parts, const AddedTokenFinder& raw_tokens,
                   const AddedTokenFinder& normalized_tokens, WordEncoder& words);

    // The ids of documents texts[first, last) are words.ids() then, and nothing else is. Throws
    // std::invalid_argument, naming the document.
    void encode(std::span<const TextView> texts, std::size_t first, std::size_t last,
                const EncodeOptions& options, const PlainRanges& plain, const PlainRanges& learned);

    // One an id.
    [[nodiscard]] const std::vector<std::uint8_t>& learned() const { return learned_; }
    // For each document, the number of ids up to its end.
    [[nodiscard]] const std::vector<Offset>& document_ends() const { return document_ends_; }

  private:
    // What comes at the ends that `words_` notes.
    enum class Mark : std::uint8_t { kNotLearned, kLearned, kEndOfDocument };

    [[nodiscard]] bool add_document(const TextView& document, const EncodeOptions& options,
                                    std::span<const ByteRange> plain, std::span<const ByteRange> learned);
    [[nodiscard]] bool is_left_as_it_is(std::string_view text, bool at_text_start);
    void add_text(std::string_view text, std::size_t base);
    void add_words(std::string_view text, std::size_t base, std::size_t count);
    void add_cut_word(std::string_view text, std::size_t begin, std::size_t end, std::size_t base);
    void add_with_offsets(std::span<const TextView> texts, std::size_t index, const EncodeOptions& options,
                          const PlainRanges& plain, std::span<const ByteRange> learned);
    [[nodiscard]] std::size_t next_border(std::size_t place);
    void set_learned(bool learned);
    void settle();

    const EncoderParts& parts_;
    const AddedTokenFinder& raw_tokens_;
    const AddedTokenFinder& normalized_tokens_;
    WordEncoder& words_;
    // Made when they are needed, which is seldom.
    std::unique_ptr<Model::Workspace> workspace_;
    std::optional<OffsetEncoder> with_offsets_;

    std::vector<std::uint8_t> learned_;
    std::vector<Offset> document_ends_;
    std::vector<Mark> marks_;
    bool is_learned_ = false;  // what comes next

    // Of the document at hand.
    LearnedSpans spans_;
    std::size_t next_border_ = 0;
    std::vector<ByteRange> plain_;
    std::vector<ByteRange> in_bytes_;
    std::vector<TextPiece> pieces_;
    Utf8Memory memory_;
    std::string normalized_;
    std::string rewritten_;
    std::vector<TokenId> cut_ids_;
    std::vector<ByteRange> cut_ranges_;
    std::array<std::uint32_t, WordEncoder::kMostWords + 2 * WordSpans::kSlack> span_begins_;
    std::array<std::uint32_t, WordEncoder::kMostWords + 2 * WordSpans::kSlack> span_ends_;
};

}  // namespace pypack
