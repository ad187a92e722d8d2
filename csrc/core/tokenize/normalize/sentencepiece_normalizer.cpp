// SentencePiece's own normalization: the longest rule that fits at each place, and what becomes of spaces.
#include <optional>
#include <stdexcept>

#include "tokenize/normalize/charsmap.hpp"
#include "tokenize/normalize/normalizer.hpp"
#include "tokenize/unicode/utf8.hpp"
#include "tokenize/vocabulary/byte_trie.hpp"

namespace pypack {
namespace {

constexpr std::string_view kMarker = "\u2581";

class SentencePiece final : public Normalizer {
  public:
    explicit SentencePiece(SentencePieceRules rules) : rules_(std::move(rules)) {
        if (!rules_.charsmap.empty()) charsmap_.emplace(rules_.charsmap);
        std::vector<ByteTrie::Entry> entries;
        for (const std::string& symbol : rules_.user_defined) entries.emplace_back(symbol, 0U);
        symbols_ = ByteTrie(std::move(entries));
        space_ = rules_.escape_whitespaces ? kMarker : " ";
    }

    bool normalize(std::string_view text, std::string& out) const override {
        const bool removes = rules_.remove_extra_whitespaces;
        std::size_t at = 0;
        while (removes && at < text.size()) {
            const Step step = next(text.substr(at));
            if (step.image != " ") break;
            at += step.size;
        }
        if (at == text.size()) return true;
        const std::size_t start = out.size();
        if (rules_.add_dummy_prefix && !rules_.treat_whitespace_as_suffix) out += space_;
        bool after_space = removes;
        while (at < text.size()) {
            const Step step = next(text.substr(at));
            std::string_view image = step.image;
            while (after_space && image.starts_with(' ')) image.remove_prefix(1);
            if (!image.empty()) {
                for (const char byte : image) {
                    if (byte == ' ') {
                        out += space_;
                    } else {
                        out.push_back(byte);
                    }
                }
                after_space = image.ends_with(' ');
            }
            at += step.size;
            if (!removes) after_space = false;
        }
        while (removes && std::string_view(out).substr(start).ends_with(space_)) {
            out.resize(out.size() - space_.size());
        }
        if (rules_.add_dummy_prefix && rules_.treat_whitespace_as_suffix) out += space_;
        return true;
    }

    bool normalize_aligned(std::string_view, const Alignment&, std::string&, Alignment&) const override {
        throw std::invalid_argument(
            "offsets have no native form for the normalization rules of a SentencePiece model");
    }

  private:
    struct Step {
        std::string_view image;
        std::size_t size;  // of what it stands for
    };

    // What the text, which is not empty, begins with.
    [[nodiscard]] Step next(std::string_view text) const {
        std::size_t symbol = 0;
        symbols_.for_each_prefix(text, [&](std::size_t size, std::uint32_t) { symbol = size; });
        if (symbol != 0) return {text.substr(0, symbol), symbol};
        if (charsmap_) {
            if (const auto match = charsmap_->find_longest(text)) return {match->image, match->size};
        }
        const std::size_t size = utf8_length(text[0]);
        return {text.substr(0, size), size};
    }

    SentencePieceRules rules_;
    std::optional<Charsmap> charsmap_;
    ByteTrie symbols_;
    std::string_view space_;
};

}  // namespace

NormalizerPtr make_sentencepiece_normalizer(SentencePieceRules rules) {
    return std::make_shared<SentencePiece>(std::move(rules));
}

}  // namespace pypack
