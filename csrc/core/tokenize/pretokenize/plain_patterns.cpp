#include "tokenize/pretokenize/plain_patterns.hpp"

#include "tokenize/pretokenize/pattern_chars.hpp"

namespace pypack {
namespace {

using namespace patterns;

struct Clip {
    // The end of what belongs to no word at position.
    static std::size_t skip(std::string_view text, std::size_t position) {
        return run_end(text, position, unicode::kSpace);
    }

    // The end of the word at position.
    static std::size_t next(std::string_view text, std::size_t position) {
        if (text[position] == '\'') {
            const std::size_t size = contraction_size(text, position + 1, Case::kSensitive);
            if (size != 0) return position + 1 + size;
        }
        const Char c = char_at(text, position);
        const std::size_t second = position + c.size;
        if (c.is(unicode::kLetter)) return run_end(text, second, unicode::kLetter);
        if (c.is(unicode::kNumber)) return second;
        return run_end(text, second, ~kNotOther);
    }
};

struct Bloom {
    static bool separates(const Char& c) {
        constexpr std::u32string_view kSeparators = U"(|.,!?\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C)";
        return c.is(unicode::kSpace) || kSeparators.find(c.code_point) != std::u32string_view::npos;
    }

    static std::size_t skip(std::string_view, std::size_t position) { return position; }

    // The end of the longest run of characters that separate, or do not.
    static std::size_t end_of_run(std::string_view text, std::size_t position, bool separating) {
        while (position < text.size()) {
            const Char c = char_at(text, position);
            if (separates(c) != separating) break;
            position += c.size;
        }
        return position;
    }

    static std::size_t next(std::string_view text, std::size_t position) {
        const std::size_t first = text[position] == ' ' ? position + 1 : position;
        const std::size_t match = end_of_run(text, first, false);
        if (match != first) return match;
        // What lies before the next match, which takes in one space.
        const std::size_t end = end_of_run(text, first, true);
        return end != text.size() && text[end - 1] == ' ' && end - 1 != position ? end - 1 : end;
    }
};

struct Words {
    static std::size_t skip(std::string_view text, std::size_t position) {
        return run_end(text, position, unicode::kSpace);
    }

    static std::size_t next(std::string_view text, std::size_t position) {
        const Char first = char_at(text, position);
        const bool is_word = unicode::has_trait(first.code_point, unicode::Trait::kWord);
        for (position += first.size; position < text.size();) {
            const Char c = char_at(text, position);
            if (c.is(unicode::kSpace) || unicode::has_trait(c.code_point, unicode::Trait::kWord) != is_word) {
                break;
            }
            position += c.size;
        }
        return position;
    }
};

template <typename Family>
class PlainPattern final : public Pretokenizer {
  public:
    std::size_t split(std::string_view piece, std::size_t from, WordSpans& words) const override {
        for (from = Family::skip(piece, from); from < piece.size() && !words.full();) {
            const std::size_t end = Family::next(piece, from);
            words.push_back(from, end);
            from = Family::skip(piece, end);
        }
        return from;
    }
};

}  // namespace

PretokenizerPtr make_clip_pretokenizer() {
    return std::make_shared<PlainPattern<Clip>>();
}

PretokenizerPtr make_whitespace_pretokenizer() {
    return std::make_shared<PlainPattern<Words>>();
}

PretokenizerPtr make_bloom_pretokenizer() {
    return std::make_shared<PlainPattern<Bloom>>();
}

}  // namespace pypack
