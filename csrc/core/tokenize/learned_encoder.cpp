#include "tokenize/learned_encoder.hpp"

#include <algorithm>
#include <exception>
#include <stdexcept>

#include "common/interrupt.hpp"
#include "common/parallel.hpp"
#include "tokenize/chunked_batch.hpp"
#include "tokenize/encoder_context.hpp"
#include "tokenize/idle_contexts.hpp"
#include "tokenize/text/text_chunks.hpp"
#include "tokenize/unicode/utf8.hpp"
#include "tokenize/vocabulary/token_table.hpp"

namespace pypack {
namespace {

constexpr std::size_t kMaxDocument = 0xFFFFFFFF;
constexpr std::int64_t kMostKeptIds = std::int64_t{1} << 21;

}  // namespace

LearnedEncoder::LearnedEncoder(const EncoderParts& parts, const AddedTokenFinder& raw_tokens,
                               const AddedTokenFinder& normalized_tokens, WordEncoder& words)
    : parts_(parts), raw_tokens_(raw_tokens), normalized_tokens_(normalized_tokens), words_(words) {}

void LearnedEncoder::encode(std::span<const TextView> texts, std::size_t first, std::size_t last,
                            const EncodeOptions& options, const PlainRanges& plain,
                            const PlainRanges& learned) {
    words_.forget_ids(0);
    words_.begin_documents();
    marks_.clear();
    is_learned_ = false;
    for (std::size_t i = first; i < last; ++i) {
        bool is_added = false;
        try {
            is_added = add_document(texts[i], options, plain.of(i), learned.of(i));
        } catch (const std::invalid_argument& error) {
            throw std::invalid_argument("document " + std::to_string(i) + ": " + error.what());
        }
        if (!is_added) add_with_offsets(texts, i, options, plain, learned.of(i));
        words_.end_document();
        marks_.push_back(Mark::kEndOfDocument);
    }
    words_.flush();
    memory_.clear();
    settle();
}

// False, and nothing is added, where a token need not stand for the bytes that it was made from.
bool LearnedEncoder::add_document(const TextView& document, const EncodeOptions& options,
                                  std::span<const ByteRange> plain, std::span<const ByteRange> learned) {
    if (!parts_.trims.empty() || !normalized_tokens_.empty()) return false;
    if (!memory_.has_room_for(document)) {
        words_.flush();
        memory_.clear_for(document);
    }
    const std::string_view text =
        words_.prepare(size_in_bytes(document), [&] { return memory_.add(document); });
    if (text.size() > kMaxDocument) throw std::invalid_argument("longer than 4 GiB; split it");
    const bool is_ascii = document.encoding == TextEncoding::kAscii;
    const auto in_bytes = [&](std::span<const ByteRange> ranges, std::vector<ByteRange>& memory) {
        if (is_ascii) return ranges;
        to_byte_ranges(text, ranges, memory);
        return std::span<const ByteRange>(memory);
    };
    pieces_.clear();
    (void)raw_tokens_.cut(text, options.split_special_tokens, pieces_, {in_bytes(plain, plain_)});
    for (const TextPiece& piece : pieces_) {
        const std::string_view part = text.substr(piece.begin, piece.end - piece.begin);
        if (piece.id == kNoToken && !is_left_as_it_is(part, piece.begin == 0)) return false;
    }
    spans_.assign(in_bytes(learned, in_bytes_));
    next_border_ = 0;
    for (const TextPiece& piece : pieces_) {
        if (piece.id != kNoToken) {
            set_learned(spans_.covers(static_cast<std::uint32_t>(piece.begin),
                                      static_cast<std::uint32_t>(piece.end)));
            words_.add_token(piece.id);
        } else {
            add_text(text.substr(piece.begin, piece.end - piece.begin), piece.begin);
        }
    }
    return true;
}

// Whether no step before the model changes anything, as with most text: a byte then stands for itself.
bool LearnedEncoder::is_left_as_it_is(std::string_view text, bool at_text_start) {
    return words_.prepare(text.size(), [&] {
        normalized_.clear();
        if (parts_.normalizer != nullptr && parts_.normalizer->normalize(text, normalized_)) return false;
        rewritten_.clear();
        return parts_.pretokenizer == nullptr ||
               !parts_.pretokenizer->rewrite(text, at_text_start, rewritten_);
    });
}

// Text that begins at byte `base` of its document.
void LearnedEncoder::add_text(std::string_view text, std::size_t base) {
    if (parts_.pretokenizer == nullptr) {
        span_begins_[0] = 0;
        span_ends_[0] = static_cast<std::uint32_t>(text.size());
        add_words(text, base, 1);
        return;
    }
    for (std::size_t from = 0; from < text.size();) {
        check_interrupt();
        WordSpans spans{span_begins_.data(), span_ends_.data(), WordEncoder::kMostWords};
        from = parts_.pretokenizer->split(text, from, spans);
        add_words(text, base, spans.size);
    }
}

// The words between two borders are learned or not together; one that a border cuts is looked at by itself.
void LearnedEncoder::add_words(std::string_view text, std::size_t base, std::size_t count) {
    for (std::size_t i = 0; i < count;) {
        const std::size_t place = base + span_begins_[i];
        const std::size_t border = next_border(place);
        const auto* const ends = span_ends_.data();
        const auto behind = static_cast<std::size_t>(
            std::partition_point(ends + i, ends + count,
                                 [&](std::uint32_t end) { return base + end <= border; }) -
            ends);
        if (behind > i) {
            set_learned(spans_.covers(static_cast<std::uint32_t>(place),
                                      static_cast<std::uint32_t>(base + span_ends_[i])));
            words_.add_words(text, span_begins_.data() + i, span_ends_.data() + i, behind - i);
            i = behind;
        } else {
            add_cut_word(text, span_begins_[i], span_ends_[i], base);
            ++i;
        }
    }
}

// The first border behind a place: none lies between the words before it.
std::size_t LearnedEncoder::next_border(std::size_t place) {
    const auto borders = spans_.borders();
    while (next_border_ < borders.size() && borders[next_border_] <= place) ++next_border_;
    return next_border_ < borders.size() ? borders[next_border_] : std::size_t{kMaxDocument} + 1;
}

void LearnedEncoder::add_cut_word(std::string_view text, std::size_t begin, std::size_t end,
                                  std::size_t base) {
    if (!workspace_) workspace_ = parts_.model->make_workspace();
    cut_ids_.clear();
    cut_ranges_.clear();
    parts_.model->tokenize_aligned(text.substr(begin, end - begin), *workspace_, cut_ids_, cut_ranges_);
    for (std::size_t i = 0; i < cut_ids_.size(); ++i) {
        std::size_t from = begin + cut_ranges_[i].start;  // a byte stands for the whole of its character
        std::size_t to = begin + cut_ranges_[i].end;
        while (is_utf8_continuation(text[from])) --from;
        while (to < text.size() && is_utf8_continuation(text[to])) ++to;
        set_learned(
            spans_.covers(static_cast<std::uint32_t>(base + from), static_cast<std::uint32_t>(base + to)));
        words_.add_token(cut_ids_[i]);
    }
}

void LearnedEncoder::add_with_offsets(std::span<const TextView> texts, std::size_t index,
                                      const EncodeOptions& options, const PlainRanges& plain,
                                      std::span<const ByteRange> learned) {
    if (!with_offsets_) with_offsets_.emplace(parts_, raw_tokens_, normalized_tokens_);
    with_offsets_->encode(texts, index, index + 1, options, OffsetUnit::kCharacter, plain);
    const OffsetEncoder::Encoded encoded = with_offsets_->take();
    spans_.assign(learned);
    for (std::size_t i = 0; i < encoded.ids.size(); ++i) {
        set_learned(spans_.covers(encoded.ranges[i].start, encoded.ranges[i].end));
        words_.add_token(encoded.ids[i]);
    }
}

void LearnedEncoder::set_learned(bool learned) {
    if (learned == is_learned_) return;
    is_learned_ = learned;
    words_.end_document();
    marks_.push_back(learned ? Mark::kLearned : Mark::kNotLearned);
}

// What the marks say, now that the ids before each are known.
void LearnedEncoder::settle() {
    document_ends_.clear();
    learned_.assign(static_cast<std::size_t>(words_.ids().size()), 0);
    Offset from = 0;
    bool learned = false;
    for (std::size_t i = 0; i < marks_.size(); ++i) {
        const Offset to = words_.document_ends()[i];
        if (learned) std::fill(learned_.begin() + from, learned_.begin() + to, std::uint8_t{1});
        from = to;
        if (marks_[i] == Mark::kEndOfDocument) {
            document_ends_.push_back(to);
        } else {
            learned = marks_[i] == Mark::kLearned;
        }
    }
}

LearnedBatch Encoder::encode_learned(std::span<const TextView> texts, const EncodeOptions& options,
                                     const PlainRanges& plain, const PlainRanges& learned) const {
    struct Chunk {
        std::vector<TokenId> ids;
        std::vector<std::uint8_t> learned;
    };
    const TextChunks chunks = chunks_of(texts, options.num_threads);
    ChunkedBatch batch(chunks, Buffer<TokenId>());
    std::vector<Chunk> encoded(chunks.size());
    const auto num_workers = static_cast<std::int64_t>(chunks.num_workers(options.num_threads));
    parallel_for(num_workers, options.num_threads, [&](std::int64_t) {
        std::unique_ptr<EncoderContext> context;  // none before the first chunk
        std::optional<LearnedEncoder> encoder;
        batch.work([&](std::size_t i) {
            if (!context) {
                context = idle_->take(parts_);
                context->begin(context->take_ids());
                encoder.emplace(parts_, raw_tokens_, normalized_tokens_, context->words());
            }
            try {
                encoder->encode(texts, chunks.bounds[i], chunks.bounds[i + 1], options, plain, learned);
            } catch (...) {  // in the middle of a document: it is not used again
                encoder.reset();
                context.reset();
                throw;
            }
            const auto ids = context->words().ids().view();
            batch.finish(i, 0, encoder->document_ends());
            encoded[i] = {{ids.begin(), ids.end()}, encoder->learned()};
        });
        if (!context) return;
        context->end();
        idle_->give_back(std::move(context), kMostKeptIds);
    });
    if (const std::exception_ptr failure = batch.failure()) std::rethrow_exception(failure);
    batch.join();
    Buffer<std::uint8_t> flags(batch.num_ids());
    for (std::size_t i = 0; i < chunks.size(); ++i) {
        (void)batch.place(i, encoded[i].ids);
        std::copy(encoded[i].learned.begin(), encoded[i].learned.end(), flags.data() + batch.start(i));
    }
    return {batch.take(), std::move(flags)};
}

}  // namespace pypack
