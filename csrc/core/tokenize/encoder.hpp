// Documents → ids: added tokens, normalizer, pretokenizer, model and template, on several threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/buffer.hpp"
#include "common/types.hpp"
#include "tokenize/added_tokens.hpp"
#include "tokenize/models/model.hpp"
#include "tokenize/normalize/normalizer.hpp"
#include "tokenize/pretokenize/pretokenizer.hpp"
#include "tokenize/text/text_view.hpp"
#include "tokenize/vocabulary/vocabulary.hpp"

namespace pypack {

// What a post-processor with trim_offsets does: takes the spaces at the ends of a token out of its offsets.
struct OffsetTrim {
    bool keeps_prefix_space = false;  // but for a single one at the start of the text (add_prefix_space)
    std::size_t num_before = 0;       // ids that were put right before the text by then
};

struct EncoderParts {
    NormalizerPtr normalizer;      // null: none
    PretokenizerPtr pretokenizer;  // null: each piece is one word
    ModelPtr model;
    std::vector<AddedToken> added_tokens;
    std::vector<TokenId> prefix;  // ids before and behind each document under add_special_tokens
    std::vector<TokenId> suffix;
    VocabularyPtr vocabulary;  // of the model; needed where `trims` are
    std::vector<OffsetTrim> trims;
};

struct EncodeOptions {
    bool add_special_tokens = false;
    bool split_special_tokens = false;
    int num_threads = 1;
};

// Parts of documents that are plain text though they may spell special tokens: those of document i are
// ranges[offsets[i]] .. ranges[offsets[i + 1]], in the unit of the offsets asked for; they rise and do not
// overlap. No offsets: no document has any.
struct PlainRanges {
    std::span<const Offset> offsets;
    std::span<const ByteRange> ranges;

    [[nodiscard]] std::span<const ByteRange> of(std::size_t document) const {
        if (offsets.empty()) return {};
        const auto begin = static_cast<std::size_t>(offsets[document]);
        return ranges.subspan(begin, static_cast<std::size_t>(offsets[document + 1]) - begin);
    }
};

// Row i is values[offsets[i] .. offsets[i + 1]). Look-alikes are the documents that spell special tokens
// which are text as asked by split_special_tokens, in order, each as often as it does.
struct EncodedBatch {
    Buffer<TokenId> values;
    Buffer<Offset> offsets;
    std::vector<std::uint32_t> look_alikes;
};

enum class OffsetUnit { kByte, kCharacter };

// Id i stands for [ranges[2 * i], ranges[2 * i + 1]) of its document, in bytes of its UTF-8 or in characters.
struct AlignedBatch {
    EncodedBatch ids;
    Buffer<std::uint32_t> ranges;
};

// And for each id whether it is learned, 0 or 1.
struct LearnedBatch {
    EncodedBatch ids;
    Buffer<std::uint8_t> learned;
};

// And for each id whether a word begins with it, 0 or 1. A word is what the pretokenizer cuts, or an added
// token; documents and what is put around them begin words.
struct BorderedBatch {
    EncodedBatch ids;
    Buffer<std::uint8_t> begins;
};

class EncoderContext;
class IdleContexts;
struct EncoderSteps;

// The ids of one text, in memory that the encoder gets back.
class EncodedText {
  public:
    EncodedText(std::unique_ptr<EncoderContext> context, IdleContexts& idle);
    ~EncodedText();
    EncodedText(EncodedText&&) noexcept;
    EncodedText& operator=(EncodedText&&) = delete;

    [[nodiscard]] std::span<const TokenId> ids() const;

  private:
    std::unique_ptr<EncoderContext> context_;
    IdleContexts* idle_;
};

// Safe to use from many threads at once, and in a forked child. What threads need to work (the caches that
// they share above all) is kept between calls.
class Encoder {
  public:
    explicit Encoder(EncoderParts parts);
    ~Encoder();
    Encoder(const Encoder&) = delete;
    Encoder& operator=(const Encoder&) = delete;

    // The same for every number of threads. Throws std::invalid_argument, naming the document, for text that
    // is not valid UTF-8 or longer than 4 GiB.
    [[nodiscard]] EncodedBatch encode(std::span<const TextView> texts, const EncodeOptions& options) const;

    // The same with the offsets that `tokenizers` gives (offset_encoder.hpp); slower. Throws
    // std::invalid_argument also where they have no native form.
    [[nodiscard]] AlignedBatch encode_aligned(std::span<const TextView> texts, const EncodeOptions& options,
                                              OffsetUnit unit, const PlainRanges& plain) const;

    // The same with which ids are learned: those that meet a learned span of their document. Plain and
    // learned ranges are in characters; the latter may lie in one another. add_special_tokens is passed over.
    [[nodiscard]] LearnedBatch encode_learned(std::span<const TextView> texts, const EncodeOptions& options,
                                              const PlainRanges& plain, const PlainRanges& learned) const;

    // The same with where words begin.
    [[nodiscard]] BorderedBatch encode_bordered(std::span<const TextView> texts,
                                                const EncodeOptions& options) const;

    // The same for one text alone, without the arrays of a batch: for a short one most of the time.
    [[nodiscard]] EncodedText encode_one(const TextView& text, const EncodeOptions& options) const;

    // Makes what the first call would make otherwise.
    void prepare() const;

  private:
    [[nodiscard]] EncoderSteps steps() const;

    EncoderParts parts_;
    AddedTokenFinder raw_tokens_;
    AddedTokenFinder normalized_tokens_;
    std::unique_ptr<IdleContexts> idle_;
    mutable std::atomic<double> ids_per_byte_{1};  // of an earlier batch
};

}  // namespace pypack
