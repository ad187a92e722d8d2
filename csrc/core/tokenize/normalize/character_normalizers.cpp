// The normalizers that look at one character at a time, and the four normal forms.
#include "tokenize/normalize/normalization_forms.hpp"
#include "tokenize/normalize/sink_normalizer.hpp"
#include "tokenize/unicode/classes.hpp"
#include "tokenize/unicode/lowercase.hpp"

namespace pypack {

namespace {

using unicode::Trait;

class Form final : public SinkNormalizer<Form> {
  public:
    explicit Form(unicode::NormalizationForm form) : form_(form) {}

    template <typename Sink>
    bool apply(std::string_view text, Sink& sink) const {
        return normalize_form(text, form_, sink);
    }

  private:
    unicode::NormalizationForm form_;
};

class Lowercase final : public SinkNormalizer<Lowercase> {
  public:
    template <typename Sink>
    bool apply(std::string_view text, Sink& sink) const {
        KeptText kept(text, sink);
        for (const char* p = kept.begin(); p < kept.end();) {
            const char* const start = p;
            const char32_t code_point = next_code_point(p);
            const char32_t image = unicode::lowercase(code_point);
            const bool is_dotted_i = code_point == unicode::kDottedCapitalI;
            if (image == code_point && !is_dotted_i) continue;
            kept.replace(start, p);
            sink.put(is_dotted_i ? U'i' : image, 0);
            if (is_dotted_i) sink.put(0x307, 1);
        }
        return kept.finish();
    }
};

class StripAccents final : public SinkNormalizer<StripAccents> {
  public:
    template <typename Sink>
    bool apply(std::string_view text, Sink& sink) const {
        return filter_characters(
            text, [](char32_t c) { return !unicode::has_trait(c, Trait::kCombining); }, sink);
    }
};

class Strip final : public SinkNormalizer<Strip> {
  public:
    Strip(bool left, bool right) : left_(left), right_(right) {}

    template <typename Sink>
    bool apply(std::string_view text, Sink& sink) const {
        const char* const begin = text.data();
        const char* const end = begin + text.size();
        const char* first = begin;
        for (const char* p = first; left_ && p < end && is_space_at(p); first = p) advance(p);
        const char* last = end;
        while (right_ && last > first) {
            const char* start = last - 1;
            while (is_utf8_continuation(*start)) --start;
            if (!is_space_at(start)) break;
            last = start;
        }
        if (first == begin && last == end) return false;
        sink.skip(static_cast<std::size_t>(first - begin));
        sink.keep({first, static_cast<std::size_t>(last - first)});
        return true;
    }

  private:
    static void advance(const char*& p) { p += utf8_length(*p); }

    static bool is_space_at(const char* p) {
        return unicode::has_trait(next_code_point(p), Trait::kWhitespace);
    }

    bool left_;
    bool right_;
};

// SentencePiece's nmt rules: control characters go, everything blank is a space.
class NmtFilter final : public SinkNormalizer<NmtFilter> {
  public:
    template <typename Sink>
    bool apply(std::string_view text, Sink& sink) const {
        return filter_characters(text, is_kept, sink);
    }

  private:
    static bool is_kept(char32_t c) {
        const bool is_control = (c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F);
        return !is_control && c != 0x7F && c != 0x8F && c != 0x9F;
    }
};

class NmtSpaces final : public SinkNormalizer<NmtSpaces> {
  public:
    template <typename Sink>
    bool apply(std::string_view text, Sink& sink) const {
        return map_characters(text, [](char32_t c) { return is_blank(c) ? U' ' : c; }, sink);
    }

  private:
    static bool is_blank(char32_t c) {
        if (c < 0x80) return c == 0x9 || c == 0xA || c == 0xC || c == 0xD;
        return c == 0x1680 || (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
               c == 0xFEFF || c == 0xFFFD;
    }
};

}  // namespace

NormalizerPtr make_normalization_form(unicode::NormalizationForm form) {
    return std::make_shared<Form>(form);
}

NormalizerPtr make_lowercase_normalizer() {
    return std::make_shared<Lowercase>();
}

NormalizerPtr make_strip_accents_normalizer() {
    return std::make_shared<StripAccents>();
}

NormalizerPtr make_strip_normalizer(bool left, bool right) {
    return std::make_shared<Strip>(left, right);
}

NormalizerPtr make_nmt_normalizer() {
    std::vector<NormalizerPtr> steps;
    steps.push_back(std::make_shared<NmtFilter>());
    steps.push_back(std::make_shared<NmtSpaces>());
    return make_normalizer_sequence(std::move(steps));
}

}  // namespace pypack
