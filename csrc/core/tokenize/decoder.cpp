#include "tokenize/decoder.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "common/interrupt.hpp"
#include "common/valid_utf8.hpp"
#include "tokenize/text/text_view.hpp"
#include "tokenize/unicode/utf8.hpp"
#include "tokenize/vocabulary/byte_alphabet.hpp"

namespace pypack {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

void replace_all(std::string& text, std::string_view pattern, std::string_view content) {
    std::string out;
    std::size_t done = 0;
    for (std::size_t at; (at = text.find(pattern, done)) != std::string::npos; done = at + pattern.size()) {
        out.append(text, done, at - done).append(content);
    }
    if (done == 0) return;
    out.append(text, done);
    text = std::move(out);
}

void clean_up(std::string& text) {
    static constexpr std::string_view kRules[][2] = {
        {" .", "."},   {" ?", "?"},     {" !", "!"},     {" ,", ","},
        {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},   {" do not", " don't"},
        {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
    };
    for (const auto& [pattern, content] : kRules) replace_all(text, pattern, content);
}

std::size_t strip_length(std::string_view text, const TokenStep& step) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < step.count && text.substr(at).starts_with(step.pattern); ++i) {
        at += step.pattern.size();
    }
    return at;
}

void apply(const TokenStep& step, bool is_first, std::string& text) {
    switch (step.kind) {
        case TokenStep::Kind::kReplace:
            replace_all(text, step.pattern, step.content);
            break;
        case TokenStep::Kind::kMetaspace:
            replace_all(text, step.pattern, is_first && step.drops_first ? "" : " ");
            break;
        case TokenStep::Kind::kWordPiece:
            if (is_first) break;
            if (text.starts_with(step.pattern)) {
                text.erase(0, step.pattern.size());
            } else {
                text.insert(0, 1, ' ');
            }
            break;
        case TokenStep::Kind::kCleanUp:
            clean_up(text);
            break;
        case TokenStep::Kind::kStrip:
            text.erase(0, strip_length(text, step));
            break;
        case TokenStep::Kind::kByteLevel:
            if (auto bytes = bytes_of_token(text)) text = std::move(*bytes);
            break;
    }
}

bool depends_on_place(const TokenStep& step) {
    return step.kind == TokenStep::Kind::kWordPiece ||
           (step.kind == TokenStep::Kind::kMetaspace && step.drops_first);
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// The byte that `<0x..>` names, else -1. Rust's parser, which the library asks, takes a plus sign too.
int byte_named(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
    const int high = token[3] == '+' ? 0 : hex_digit(token[3]);
    const int low = hex_digit(token[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// Bytes of the maximal part that cannot be UTF-8 at the start of text, which is not empty and does not begin
// with a whole character.
std::size_t invalid_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto continues = [&](std::size_t i, unsigned low, unsigned high) {
        return i < text.size() && byte(i) >= low && byte(i) <= high;
    };
    const unsigned lead = byte(0);
    if (lead < 0xE0 || lead > 0xF4) return 1;
    const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (!continues(1, low, high)) return 1;
    if (lead < 0xF0 || !continues(2, 0x80, 0xBF)) return 2;
    return 3;
}

}  // namespace

// A text that tokens are put behind, most of which are short: so many bytes are copied whatever they have,
// which needs no call.
class GrowingText {
  public:
    static constexpr std::size_t kShort = 16;

    explicit GrowingText(std::size_t bytes) : text_(bytes + 2 * kShort, '\0') {}

    void append(std::string_view part) {
        make_room(part.size());
        std::copy(part.begin(), part.end(), text_.data() + size_);
        size_ += part.size();
    }
    // Behind the token there are kShort bytes that may be read.
    void append_token(std::string_view token) {
        if (token.size() > kShort) return append(token);
        make_room(kShort);
        std::memcpy(text_.data() + size_, token.data(), kShort);
        size_ += token.size();
    }
    [[nodiscard]] std::string_view view() const { return std::string_view(text_).substr(0, size_); }

  private:
    void make_room(std::size_t bytes) {
        if (text_.size() - size_ < bytes) text_.resize(2 * text_.size() + bytes);
    }

    std::string text_;
    std::size_t size_ = 0;
};

void append_lossy(std::string_view text, std::string& out) {
    while (true) {
        const std::size_t valid = valid_utf8_prefix(text);
        out.append(text.substr(0, valid));
        text.remove_prefix(valid);
        if (text.empty()) return;
        out.append(kReplacement);
        text.remove_prefix(invalid_length(text));
    }
}

Decoder::Decoder(const DecoderOptions& options, const Vocabulary& vocabulary,
                 const std::vector<DecodedToken>& added)
    : options_(options) {
    first_differs_ = std::any_of(options.token_steps.begin(), options.token_steps.end(), depends_on_place);
    std::size_t bound = vocabulary.id_bound();
    std::vector<const DecodedToken*> in_order;
    for (const DecodedToken& token : added) {
        bound = std::max(bound, std::size_t{token.id} + 1);
        in_order.push_back(&token);
    }
    if (bound > 8 * (vocabulary.size() + added.size()) + 65536) {
        throw std::invalid_argument("ids up to " + std::to_string(bound - 1) + " for " +
                                    std::to_string(vocabulary.size() + added.size()) +
                                    " tokens leave a table of them nearly empty");
    }
    std::sort(in_order.begin(), in_order.end(), [](const auto* a, const auto* b) { return a->id < b->id; });
    kinds_.reserve(bound);
    auto next = in_order.begin();
    for (TokenId id = 0; id < bound; ++id) {
        std::string_view text;
        Kind kind = Kind::kNone;
        if (next != in_order.end() && (*next)->id == id) {
            text = (*next)->text;
            kind = (*next)->special ? Kind::kSpecial : Kind::kToken;
            ++next;
        } else if (const auto token = vocabulary.token(id)) {
            text = *token;
            kind = Kind::kToken;
        }
        kinds_.push_back(kind);
        add(text, false, texts_);
        if (first_differs_) add(text, true, first_texts_);
    }
    for (Texts* texts : {&texts_, &first_texts_}) texts->texts.text.append(GrowingText::kShort, '\0');
}

void Decoder::add(std::string_view token, bool is_first, Texts& texts) const {
    std::string text(token);
    for (const TokenStep& step : options_.token_steps) apply(step, is_first, text);
    texts.bytes.push_back(static_cast<std::int16_t>(options_.byte_fallback ? byte_named(text) : -1));
    texts.texts.push_back(text);
}

void Decoder::append_bytes(const std::string& bytes, GrowingText& out) const {
    if (valid_utf8_prefix(bytes) == bytes.size()) {
        out.append(bytes);
    } else {
        for (std::size_t i = 0; i < bytes.size(); ++i) out.append(kReplacement);
    }
}

void Decoder::decode(std::span<const TokenId> ids, bool skip_special, std::string& out) const {
    std::string bytes;
    GrowingText text(8 * ids.size());
    bool is_first = true;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        check_interrupt_at(i);
        const TokenId id = ids[i];
        if (id >= kinds_.size() || kinds_[id] == Kind::kNone) continue;
        if (skip_special && kinds_[id] == Kind::kSpecial) continue;
        const Texts& texts = is_first && first_differs_ ? first_texts_ : texts_;
        const bool is_behind = !is_first;
        is_first = false;
        if (texts.bytes[id] >= 0) {
            bytes.push_back(static_cast<char>(texts.bytes[id]));
            continue;
        }
        if (!bytes.empty()) {
            append_bytes(bytes, text);
            bytes.clear();
        }
        if (is_behind && !options_.separator.empty()) text.append(options_.separator);
        text.append_token(texts.texts[id]);
    }
    append_bytes(bytes, text);
    std::string_view found = text.view();
    for (const TokenStep& step : options_.text_steps) found.remove_prefix(strip_length(found, step));
    if (options_.replaces_invalid) {
        append_lossy(found, out);
    } else {
        out.append(found);
    }
}

void Decoder::decode_rows(std::span<const TokenId> ids, std::span<const Offset> offsets, bool skip_special,
                          std::string& out, std::vector<std::size_t>& ends) const {
    for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
        if (i % 64 == 0) check_interrupt();
        const auto begin = static_cast<std::size_t>(offsets[i]);
        decode(ids.subspan(begin, static_cast<std::size_t>(offsets[i + 1]) - begin), skip_special, out);
        ends.push_back(out.size());
    }
}

}  // namespace pypack
