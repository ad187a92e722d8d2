#include "tokenize/offset_encoder.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <tuple>

#include "common/interrupt.hpp"
#include "common/parallel.hpp"
#include "tokenize/chunked_batch.hpp"
#include "tokenize/text/text_chunks.hpp"
#include "tokenize/unicode/classes.hpp"
#include "tokenize/unicode/utf8.hpp"
#include "tokenize/vocabulary/token_table.hpp"

namespace pypack {
namespace {

constexpr std::size_t kMaxDocument = 0xFFFFFFFF;
constexpr std::size_t kLongestKeptWord = 32;
constexpr std::size_t kMaxKeptIds = std::size_t{1} << 18;
constexpr char32_t kByteLevelSpace = 0x120;  // what ByteLevel writes for a space

bool is_space(char32_t code_point) {
    return code_point == kByteLevelSpace || unicode::has_trait(code_point, unicode::Trait::kWhitespace);
}

std::uint32_t count_leading_spaces(std::string_view text) {
    std::uint32_t count = 0;
    const char* const end = text.data() + text.size();
    for (const char* p = text.data(); p < end && is_space(next_code_point(p));) ++count;
    return count;
}

std::uint32_t count_trailing_spaces(std::string_view text) {
    std::uint32_t count = 0;
    for (std::size_t end = text.size(); end > 0; ++count) {
        std::size_t begin = end - 1;
        while (is_utf8_continuation(text[begin])) --begin;
        const char* p = text.data() + begin;
        if (!is_space(next_code_point(p))) break;
        end = begin;
    }
    return count;
}

}  // namespace

OffsetEncoder::OffsetEncoder(const EncoderParts& parts, const AddedTokenFinder& raw_tokens,
                             const AddedTokenFinder& normalized_tokens)
    : parts_(parts),
      raw_tokens_(raw_tokens),
      normalized_tokens_(normalized_tokens),
      workspace_(parts.model->make_workspace()) {}

void OffsetEncoder::encode(std::span<const TextView> texts, std::size_t first, std::size_t last,
                           const EncodeOptions& options, OffsetUnit unit, const PlainRanges& plain) {
    for (std::size_t i = first; i < last; ++i) {
        try {
            add_document(texts[i], options, unit, plain.of(i));
        } catch (const std::invalid_argument& error) {
            throw std::invalid_argument("document " + std::to_string(i) + ": " + error.what());
        }
        document_ends_.push_back(static_cast<Offset>(ids_.size()));
    }
}

// The plain parts of a text, from characters to bytes.
void OffsetEncoder::set_plain(std::string_view text, std::span<const ByteRange> plain, OffsetUnit unit) {
    plain_.assign(plain.begin(), plain.end());
    if (plain.empty() || unit == OffsetUnit::kByte) return;
    std::size_t byte = 0;
    std::uint32_t character = 0;
    const auto byte_of = [&](std::uint32_t place) {
        for (; character < place && byte < text.size(); ++character) byte += utf8_length(text[byte]);
        return static_cast<std::uint32_t>(byte);
    };
    for (ByteRange& range : plain_) {
        const std::uint32_t start = byte_of(range.start);
        range = {start, byte_of(range.end)};
    }
}

void OffsetEncoder::add_document(const TextView& document, const EncodeOptions& options, OffsetUnit unit,
                                 std::span<const ByteRange> plain) {
    memory_.clear_for(document);
    const std::string_view text = memory_.add(document);
    if (text.size() > kMaxDocument) throw std::invalid_argument("longer than 4 GiB; split it");
    if (options.add_special_tokens) {
        ids_.insert(ids_.end(), parts_.prefix.begin(), parts_.prefix.end());
        ranges_.resize(ids_.size(), {0, 0});
    }
    const std::size_t first = ids_.size();
    edges_.clear();
    raw_pieces_.clear();
    set_plain(text, plain, unit);
    (void)raw_tokens_.cut(text, options.split_special_tokens, raw_pieces_, {plain_});
    for (const TextPiece& piece : raw_pieces_) {
        const std::string_view part = text.substr(piece.begin, piece.end - piece.begin);
        if (piece.id != kNoToken) {
            add_token(piece.id, part, piece.begin, piece.end);
        } else {
            add_text(part, piece.begin, options.split_special_tokens);
        }
    }
    to_characters(text, first);
    for (const OffsetTrim& step : parts_.trims) {
        trim(step, options.add_special_tokens ? step.num_before : 0, first);
    }
    if (unit == OffsetUnit::kByte) to_bytes(text.size(), first);
    if (options.add_special_tokens) {
        ids_.insert(ids_.end(), parts_.suffix.begin(), parts_.suffix.end());
        ranges_.resize(ids_.size(), {0, 0});
    }
}

// Text between the added tokens that are looked for in the text as it came; it begins at byte `base`.
void OffsetEncoder::add_text(std::string_view text, std::size_t base, bool skip_special) {
    const bool at_text_start = base == 0;
    if (is_left_as_it_is(text, at_text_start)) {
        add_unchanged(text, base);
        return;
    }
    Alignment alignment = identity_alignment(text);
    if (parts_.normalizer != nullptr) {
        Alignment normalized_alignment;
        normalized_.clear();
        if (parts_.normalizer->normalize_aligned(text, alignment, normalized_, normalized_alignment)) {
            text = normalized_;
            alignment = std::move(normalized_alignment);
        }
    }
    normalized_pieces_.clear();
    (void)normalized_tokens_.cut(text, skip_special, normalized_pieces_, {plain_, base, &alignment});
    for (const TextPiece& part : normalized_pieces_) {
        const std::string_view piece = text.substr(part.begin, part.end - part.begin);
        if (part.id != kNoToken) {
            add_token(part.id, piece, base + alignment[part.begin].start, base + alignment[part.end - 1].end);
            continue;
        }
        const Alignment slice(alignment.begin() + static_cast<std::ptrdiff_t>(part.begin),
                              alignment.begin() + static_cast<std::ptrdiff_t>(part.end));
        rewritten_.clear();
        Alignment rewritten_alignment;
        if (parts_.pretokenizer != nullptr &&
            parts_.pretokenizer->rewrite_aligned(piece, slice, at_text_start && part.begin == 0, rewritten_,
                                                 rewritten_alignment)) {
            if (!rewritten_.empty()) add_piece(rewritten_, base, rewritten_alignment);
        } else {
            add_piece(piece, base, slice);
        }
    }
}

// Whether no step before the model changes anything: most text, and no alignment is needed for it, which
// would take sixteen bytes a byte.
bool OffsetEncoder::is_left_as_it_is(std::string_view text, bool at_text_start) {
    if (!normalized_tokens_.empty()) return false;
    normalized_.clear();
    if (parts_.normalizer != nullptr && parts_.normalizer->normalize(text, normalized_)) return false;
    rewritten_.clear();
    return parts_.pretokenizer == nullptr || !parts_.pretokenizer->rewrite(text, at_text_start, rewritten_);
}

void OffsetEncoder::add_unchanged(std::string_view text, std::size_t base) {
    // A byte stands for the whole of its character.
    const auto add = [&](std::size_t word_begin, std::size_t word_end) {
        tokenize(text.substr(word_begin, word_end - word_begin));
        for (std::size_t i = word_begin_; i < word_end_; ++i) {
            std::size_t begin = word_begin + word_ranges_[i].start;
            std::size_t end = word_begin + word_ranges_[i].end;
            while (is_utf8_continuation(text[begin])) --begin;
            while (end < text.size() && is_utf8_continuation(text[end])) ++end;
            const std::string_view spelled =
                parts_.trims.empty() ? "" : parts_.vocabulary->token(word_ids_[i]).value_or("");
            add_token(word_ids_[i], spelled, base + begin, base + end);
        }
    };
    if (parts_.pretokenizer == nullptr) {
        add(0, text.size());
        return;
    }
    for (std::size_t from = 0; from < text.size();) {
        check_interrupt();
        WordSpans spans{span_begins_.data(), span_ends_.data(), span_begins_.size() - 2 * WordSpans::kSlack};
        from = parts_.pretokenizer->split(text, from, spans);
        for (std::size_t i = 0; i < spans.size; ++i) add(spans.begin[i], spans.end[i]);
    }
}

void OffsetEncoder::add_piece(std::string_view piece, std::size_t base, const Alignment& alignment) {
    if (parts_.pretokenizer == nullptr) {
        add_word(piece, base, alignment.data());
        return;
    }
    for (std::size_t from = 0; from < piece.size();) {
        check_interrupt();
        WordSpans spans{span_begins_.data(), span_ends_.data(), span_begins_.size() - 2 * WordSpans::kSlack};
        from = parts_.pretokenizer->split(piece, from, spans);
        for (std::size_t i = 0; i < spans.size; ++i) {
            add_word(piece.substr(spans.begin[i], spans.end[i] - spans.begin[i]), base,
                     alignment.data() + spans.begin[i]);
        }
    }
}

// alignment: of the first byte of the word, and on.
void OffsetEncoder::add_word(std::string_view word, std::size_t base, const ByteRange* alignment) {
    tokenize(word);
    for (std::size_t i = word_begin_; i < word_end_; ++i) {
        const std::string_view text =
            parts_.trims.empty() ? "" : parts_.vocabulary->token(word_ids_[i]).value_or("");
        add_token(word_ids_[i], text, base + alignment[word_ranges_[i].start].start,
                  base + alignment[word_ranges_[i].end - 1].end);
    }
}

void OffsetEncoder::tokenize(std::string_view word) {
    if (word.size() <= kLongestKeptWord) {
        if (const auto found = words_.find(word); found != words_.end()) {
            std::tie(word_begin_, word_end_) = found->second;
            return;
        }
    }
    if (word_ids_.size() > kMaxKeptIds) {
        words_.clear();
        word_ids_.clear();
        word_ranges_.clear();
    }
    word_begin_ = word_ids_.size();
    parts_.model->tokenize_aligned(word, *workspace_, word_ids_, word_ranges_);
    word_end_ = word_ids_.size();
    if (word.size() <= kLongestKeptWord) words_.emplace(word, std::pair(word_begin_, word_end_));
}

// text: the token as the library spells it, for trimming.
void OffsetEncoder::add_token(TokenId id, std::string_view text, std::size_t begin, std::size_t end) {
    ids_.push_back(id);
    ranges_.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
    if (!parts_.trims.empty()) edges_.push_back({count_leading_spaces(text), count_trailing_spaces(text)});
}

// The ranges from `first` on, from bytes to characters: a byte within a character stands for the character.
// A range that begins behind the text stays in bytes, as in the library.
void OffsetEncoder::to_characters(std::string_view text, std::size_t first) {
    character_of_byte_.clear();
    byte_of_character_.clear();
    const bool is_ascii =
        std::all_of(text.begin(), text.end(), [](char byte) { return static_cast<signed char>(byte) >= 0; });
    const auto size = static_cast<std::uint32_t>(text.size());
    if (!is_ascii) {
        character_of_byte_.reserve(text.size());
        for (std::uint32_t i = 0; i < size; ++i) {
            if (!is_utf8_continuation(text[i])) byte_of_character_.push_back(i);
            character_of_byte_.push_back(static_cast<std::uint32_t>(byte_of_character_.size() - 1));
        }
    }
    const auto character_of = [&](std::uint32_t byte) { return is_ascii ? byte : character_of_byte_[byte]; };
    for (std::size_t i = first; i < ranges_.size(); ++i) {
        auto& [start, end] = ranges_[i];
        if (start >= size) continue;
        const std::uint32_t begin = character_of(start);
        if (end < size) {
            end = character_of(end);
        } else {
            end = (end - 1 < size ? character_of(end - 1) : begin + 1) + 1;
        }
        start = begin;
    }
}

// And back, for a text of `size` bytes.
void OffsetEncoder::to_bytes(std::size_t size, std::size_t first) {
    if (byte_of_character_.empty()) return;
    const auto byte_of = [&](std::uint32_t character) {
        return character < byte_of_character_.size() ? byte_of_character_[character]
                                                     : static_cast<std::uint32_t>(size);
    };
    for (std::size_t i = first; i < ranges_.size(); ++i) {
        ranges_[i] = {byte_of(ranges_[i].start), byte_of(ranges_[i].end)};
    }
}

void OffsetEncoder::trim(const OffsetTrim& trim, std::size_t num_before, std::size_t first) {
    for (std::size_t i = 0; i < edges_.size(); ++i) {
        auto& [start, end] = ranges_[first + i];
        auto [leading, trailing] = edges_[i];
        if (leading > 0) {
            const bool is_first = i + num_before == 0 || start == 0;
            if (is_first && trim.keeps_prefix_space && leading == 1) leading = 0;
            start = std::min(start + leading, end);
        }
        if (trailing > 0 && end >= trailing) end = std::max(end - trailing, start);
    }
}

AlignedBatch Encoder::encode_aligned(std::span<const TextView> texts, const EncodeOptions& options,
                                     OffsetUnit unit, const PlainRanges& plain) const {
    const TextChunks chunks = chunks_of(texts, options.num_threads);
    ChunkedBatch batch(chunks, Buffer<TokenId>());
    std::vector<OffsetEncoder::Encoded> encoded(chunks.size());
    const auto num_workers = static_cast<std::int64_t>(chunks.num_workers(options.num_threads));
    parallel_for(num_workers, options.num_threads, [&](std::int64_t) {
        OffsetEncoder encoder(parts_, raw_tokens_,
                              normalized_tokens_);  // words of one chunk come in the next
        batch.work([&](std::size_t i) {
            encoder.encode(texts, chunks.bounds[i], chunks.bounds[i + 1], options, unit, plain);
            batch.finish(i, 0, encoder.document_ends());
            encoded[i] = encoder.take();
        });
    });
    if (const std::exception_ptr failure = batch.failure()) std::rethrow_exception(failure);
    batch.join();
    Buffer<std::uint32_t> ranges(2 * batch.num_ids());
    parallel_for(static_cast<std::int64_t>(chunks.size()), options.num_threads, [&](std::int64_t index) {
        const auto i = static_cast<std::size_t>(index);
        const OffsetEncoder::Encoded chunk = std::move(encoded[i]);
        (void)batch.place(i, chunk.ids);
        static_assert(sizeof(ByteRange) == 2 * sizeof(std::uint32_t));
        if (chunk.ids.empty()) return;
        std::memcpy(ranges.data() + 2 * batch.start(i), chunk.ranges.data(),
                    chunk.ranges.size() * sizeof(ByteRange));
    });
    return {batch.take(), std::move(ranges)};
}

}  // namespace pypack
