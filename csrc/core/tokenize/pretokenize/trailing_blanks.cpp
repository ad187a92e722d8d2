#include "tokenize/pretokenize/trailing_blanks.hpp"

#include "tokenize/pretokenize/pattern_chars.hpp"

namespace pypack {
namespace {

class TrailingBlanksPretokenizer final : public Pretokenizer {
  public:
    explicit TrailingBlanksPretokenizer(PretokenizerPtr inner) : inner_(std::move(inner)) {}

    std::size_t split(std::string_view piece, std::size_t from, WordSpans& words) const override {
        const std::size_t first = words.size;
        const std::size_t end = inner_->split(piece, from, words);
        // The room for words may end between those of the last whitespace: what is left joins them now.
        while (words.size > first && is_blank(piece.substr(words.begin[words.size - 1]))) {
            const std::size_t last = words.size - 1;
            words.end[last] = static_cast<std::uint32_t>(piece.size());
            if (last == first || !is_blank(word(piece, words, last - 1))) return piece.size();
            --words.size;
        }
        return end;
    }

  private:
    static std::string_view word(std::string_view piece, const WordSpans& words, std::size_t i) {
        return piece.substr(words.begin[i], words.end[i] - words.begin[i]);
    }

    static bool is_blank(std::string_view text) {
        return patterns::run_end(text, 0, unicode::kSpace) == text.size();
    }

    PretokenizerPtr inner_;
};

}  // namespace

PretokenizerPtr make_trailing_blanks(PretokenizerPtr inner) {
    return std::make_shared<TrailingBlanksPretokenizer>(std::move(inner));
}

}  // namespace pypack
