#include "tokenize/normalize/bert_normalizer.hpp"

#include <bit>
#include <cstring>

#include "tokenize/normalize/sink_normalizer.hpp"
#include "tokenize/unicode/ascii_block.hpp"
#include "tokenize/unicode/classes.hpp"
#include "tokenize/unicode/lowercase.hpp"

namespace pypack {

namespace {

using unicode::has_trait;
using unicode::Trait;

// The blocks that BERT surrounds with spaces, as `tokenizers` lists them (its fifth begins at U+2B920).
bool is_chinese(char32_t c) {
    if (c < 0x3400) return false;
    return (c >= 0x4E00 && c <= 0x9FFF) || c <= 0x4DBF || (c >= 0xF900 && c <= 0xFAFF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_cleaned(char32_t c) {
    return has_trait(c, Trait::kCleaned);
}

class Clean final : public SinkNormalizer<Clean> {
  public:
    template <typename Sink>
    bool apply(std::string_view text, Sink& sink) const {
        return filter_characters(text, [](char32_t c) { return !is_cleaned(c); }, sink);
    }
};

class Blank final : public SinkNormalizer<Blank> {
  public:
    template <typename Sink>
    bool apply(std::string_view text, Sink& sink) const {
        const auto blank = [](char32_t c) { return has_trait(c, Trait::kWhitespace) ? U' ' : c; };
        return map_characters(text, blank, sink);
    }
};

class SpaceChinese final : public SinkNormalizer<SpaceChinese> {
  public:
    template <typename Sink>
    bool apply(std::string_view text, Sink& sink) const {
        KeptText kept(text, sink);
        for (const char* p = kept.begin(); p < kept.end();) {
            const char* const start = p;
            const char32_t c = next_code_point(p);
            if (!is_chinese(c)) continue;
            kept.replace(start, p);
            sink.put(U' ', 0);
            sink.put(c, 1);
            sink.put(U' ', 1);
        }
        return kept.finish();
    }
};

class StripNonspacing final : public SinkNormalizer<StripNonspacing> {
  public:
    template <typename Sink>
    bool apply(std::string_view text, Sink& sink) const {
        const auto is_kept = [](char32_t c) { return !has_trait(c, Trait::kNonspacing); };
        return filter_characters(text, is_kept, sink);
    }
};

NormalizerPtr make_steps(BertOptions options) {
    std::vector<NormalizerPtr> steps;
    if (options.clean_text) {
        steps.push_back(std::make_shared<Clean>());
        steps.push_back(std::make_shared<Blank>());
    }
    if (options.handle_chinese_chars) steps.push_back(std::make_shared<SpaceChinese>());
    if (options.strip_accents) {
        steps.push_back(make_normalization_form(unicode::NormalizationForm::kNfd));
        steps.push_back(std::make_shared<StripNonspacing>());
    }
    if (options.lowercase) steps.push_back(make_lowercase_normalizer());
    return make_normalizer_sequence(std::move(steps));
}

constexpr std::size_t kPart = 4096;
constexpr std::size_t kMaxGrowth = 3;  // a syllable of 3 bytes becomes three letters of 3 bytes

}  // namespace

BertNormalizer::BertNormalizer(BertOptions options) : options_(options), steps_(make_steps(options)) {
    actions_.resize(0x10000);
    for (char32_t c = 0; c < 0x10000; ++c) {
        if (c < 0xD800 || c >= 0xE000) actions_[c] = action_of(c);
    }
}

BertNormalizer::Expansion BertNormalizer::expand(char32_t code_point) const {
    Expansion expansion;
    const auto put = [&](char32_t c) {
        expansion.image.size = static_cast<std::uint8_t>(
            expansion.image.size + encode_utf8(c, expansion.image.bytes + expansion.image.size));
    };
    const auto put_lower = [&](char32_t c) {
        if (options_.lowercase && c == unicode::kDottedCapitalI) {
            put(U'i');
            put(0x307);
        } else {
            put(options_.lowercase ? unicode::lowercase(c) : c);
        }
    };
    char32_t c = code_point;
    if (options_.clean_text) {
        if (is_cleaned(c)) return expansion;
        if (has_trait(c, Trait::kWhitespace)) c = U' ';
    }
    const bool spaced = options_.handle_chinese_chars && is_chinese(c);
    if (spaced) put(U' ');
    if (options_.strip_accents) {
        unicode::decompose(c, false, [&](char32_t part) {
            if (has_trait(part, Trait::kNonspacing)) return;
            expansion.reorders |= unicode::normalization_record(part).combining_class() != 0;
            put_lower(part);
        });
    } else {
        put_lower(c);
    }
    if (spaced) put(U' ');
    return expansion;
}

BertNormalizer::Action BertNormalizer::action_of(char32_t code_point) {
    const Expansion expansion = expand(code_point);
    char bytes[4];
    const std::string_view self(bytes, encode_utf8(code_point, bytes));
    const std::string_view image(expansion.image.bytes, expansion.image.size);
    if (expansion.reorders) return kReorder;
    if (image == self) return kKeep;
    if (image.empty()) return kDrop;
    if (image.size() == self.size() + 2 && image.substr(1, self.size()) == self) return kSpaced;
    images_.push_back(expansion.image);
    return static_cast<Action>(kFirstImage + images_.size() - 1);
}

// A character above U+FFFF; false where it may be reordered.
bool BertNormalizer::write_wide(char32_t code_point, char*& out) const {
    const Expansion expansion = expand(code_point);
    std::memcpy(out, expansion.image.bytes, sizeof expansion.image.bytes);
    out += expansion.image.size;
    return !expansion.reorders;
}

// One character from p on; false where it may be reordered.
bool BertNormalizer::write_character(const char*& p, char*& out) const {
    const char* const start = p;
    const char32_t c = next_code_point(p);
    if (c >= 0x10000) return write_wide(c, out);
    const auto action = actions_[c];
    if (action == kKeep || action == kSpaced) {
        if (action == kSpaced) *out++ = ' ';
        for (const char* byte = start; byte < p; ++byte) *out++ = *byte;
        if (action == kSpaced) *out++ = ' ';
    } else if (action >= kFirstImage) {
        const Image& image = images_[static_cast<std::size_t>(action - kFirstImage)];
        std::memcpy(out, image.bytes, sizeof image.bytes);
        out += image.size;
    }
    return action != kReorder;
}

// Normalizes from p until it is past `end`, which may lie inside its last character; false where a mark may
// be reordered. There is room for sizeof(Image) bytes more than the longest output.
bool BertNormalizer::write_part(const char*& p, const char* end, char*& out) const {
    while (p < end) {
        if (static_cast<std::size_t>(end - p) >= ascii::kBlock) {
            const ascii::Mask odd = ascii::copy_normalized(p, out, options_.lowercase, options_.clean_text);
            const auto plain = odd == 0 ? ascii::kBlock : static_cast<std::size_t>(std::countr_zero(odd));
            p += plain;
            out += plain;
            if (odd == 0) continue;
        }
        do {
            if (!write_character(p, out)) return false;
        } while (p < end && static_cast<unsigned char>(*p) >= 0x80);
    }
    return true;
}

bool BertNormalizer::normalize(std::string_view text, std::string& out) const {
    const std::size_t before = out.size();
    const char* p = text.data();
    const char* const end = p + text.size();
    std::size_t size = before;
    while (p < end) {
        const char* const stop = static_cast<std::size_t>(end - p) > kPart ? p + kPart : end;
        out.resize(size + kMaxGrowth * (kPart + 4) + sizeof(Image));
        char* const first = out.data() + size;
        char* last = first;
        if (!write_part(p, stop, last)) {
            out.resize(before);
            return steps_->normalize(text, out);
        }
        size += static_cast<std::size_t>(last - first);
    }
    out.resize(size);
    return true;
}

bool BertNormalizer::normalize_aligned(std::string_view text, const Alignment& alignment, std::string& out,
                                       Alignment& out_alignment) const {
    return steps_->normalize_aligned(text, alignment, out, out_alignment);
}

NormalizerPtr make_bert_normalizer(BertOptions options) {
    return std::make_shared<BertNormalizer>(options);
}

}  // namespace pypack
