#include "tokenize/encoder_context.hpp"

#include <algorithm>
#include <stdexcept>

#include "tokenize/vocabulary/token_table.hpp"

namespace pypack {
namespace {

constexpr std::size_t kMaxPiece = 0xFFFFFFFF;
// A text that needed more memory than this gives it back.
constexpr std::size_t kKeptText = std::size_t{1} << 22;

}  // namespace

EncoderContext::EncoderContext(const EncoderParts& parts, SharedWords& shared)
    : words_(parts.model, parts.pretokenizer, shared) {}

void EncoderContext::encode(const EncoderSteps& steps, std::span<const TextView> texts, std::size_t first,
                            std::size_t last, const EncodeOptions& options) {
    words_.begin_documents();
    look_alikes_.clear();
    for (std::size_t i = first; i < last; ++i) {
        document_ = static_cast<std::uint32_t>(i);
        try {
            if (!documents_.has_room_for(texts[i])) {
                forget_texts();
                documents_.clear_for(texts[i]);
            }
            const std::string_view text =
                words_.prepare(size_in_bytes(texts[i]), [&] { return documents_.add(texts[i]); });
            if (options.add_special_tokens) {
                for (const TokenId id : steps.prefix) words_.add_token(id);
            }
            add_document(steps, text, options.split_special_tokens);
            if (options.add_special_tokens) {
                for (const TokenId id : steps.suffix) words_.add_token(id);
            }
        } catch (const std::invalid_argument& error) {
            throw std::invalid_argument("document " + std::to_string(i) + ": " + error.what());
        }
        words_.end_document();
    }
    forget_texts();
    documents_.clear();
    for (std::string& text : texts_) {
        if (text.capacity() > kKeptText) text = std::string();
    }
}

void EncoderContext::add_document(const EncoderSteps& steps, std::string_view text, bool skip_special) {
    if (steps.raw_tokens.empty()) {
        if (!text.empty()) add_text(steps, text, true, skip_special);
        return;
    }
    raw_pieces_.clear();
    note_look_alikes(steps.raw_tokens.cut(text, skip_special, raw_pieces_));
    for (const TextPiece& piece : raw_pieces_) {
        if (piece.id != kNoToken) {
            words_.add_token(piece.id);
        } else {
            add_text(steps, text.substr(piece.begin, piece.end - piece.begin), piece.begin == 0,
                     skip_special);
        }
    }
}

// Text between the added tokens that are looked for in the text as it came.
void EncoderContext::add_text(const EncoderSteps& steps, std::string_view text, bool at_text_start,
                              bool skip_special) {
    if (texts_in_use_ >= kTexts / 2) forget_texts();
    if (steps.normalizer != nullptr) {
        std::string& normalized = empty_text(0);
        if (words_.prepare(text.size(), [&] { return steps.normalizer->normalize(text, normalized); })) {
            text = normalized;
        } else {
            --texts_in_use_;
        }
    }
    const std::size_t kept = texts_in_use_;
    normalized_pieces_.clear();
    if (steps.normalized_tokens.empty()) {
        if (!text.empty()) normalized_pieces_.push_back({0, text.size(), kNoToken});
    } else {
        note_look_alikes(steps.normalized_tokens.cut(text, skip_special, normalized_pieces_));
    }
    for (const TextPiece& part : normalized_pieces_) {
        if (part.id != kNoToken) {
            words_.add_token(part.id);
            continue;
        }
        std::string_view piece = text.substr(part.begin, part.end - part.begin);
        if (steps.pretokenizer != nullptr) {
            std::string& rewritten = empty_text(kept);
            const bool at_start = at_text_start && part.begin == 0;
            if (words_.prepare(piece.size(),
                               [&] { return steps.pretokenizer->rewrite(piece, at_start, rewritten); })) {
                piece = rewritten;
            } else {
                --texts_in_use_;
            }
        }
        if (piece.size() > kMaxPiece) throw std::invalid_argument("longer than 4 GiB; split it");
        if (!piece.empty()) words_.add_piece(piece);
    }
}

// Encodes the words at hand: the texts they refer to are needed no more.
void EncoderContext::forget_texts(std::size_t kept) {
    words_.flush();
    texts_in_use_ = kept;
}

// The first `kept` texts stay when all are in use.
std::string& EncoderContext::empty_text(std::size_t kept) {
    if (texts_in_use_ == texts_.size()) forget_texts(kept);
    std::string& text = texts_[texts_in_use_++];
    text.clear();
    return text;
}

}  // namespace pypack
