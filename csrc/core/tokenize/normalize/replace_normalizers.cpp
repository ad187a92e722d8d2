// Replace and Prepend.
#include <stdexcept>

#include "tokenize/normalize/sink_normalizer.hpp"
#include "tokenize/unicode/classes.hpp"

namespace pypack {

namespace {

class Replace final : public SinkNormalizer<Replace> {
  public:
    Replace(std::string pattern, std::string content)
        : pattern_(std::move(pattern)), content_(std::move(content)) {
        if (pattern_.empty()) throw std::invalid_argument("Replace: the pattern is empty");
    }

    template <typename Sink>
    bool apply(std::string_view text, Sink& sink) const {
        KeptText kept(text, sink);
        for (std::size_t from = 0; (from = text.find(pattern_, from)) != std::string_view::npos;) {
            const char* const match = text.data() + from;
            from += pattern_.size();
            kept.replace(match, text.data() + from);
            sink.skip(pattern_.size());
            sink.insert(content_);
        }
        return kept.finish();
    }

  private:
    std::string pattern_;
    std::string content_;
};

class ReplaceRuns final : public SinkNormalizer<ReplaceRuns> {
  public:
    ReplaceRuns(RunOf characters, std::size_t min_length, std::string content)
        : whitespace_(characters == RunOf::kWhitespace),
          min_length_(min_length),
          content_(std::move(content)) {
        if (min_length_ == 0)
            throw std::invalid_argument("ReplaceRuns: min_length must be at least 1, got 0");
    }

    template <typename Sink>
    bool apply(std::string_view text, Sink& sink) const {
        KeptText kept(text, sink);
        for (const char* p = kept.begin(); p < kept.end();) {
            const char* const run = p;
            if (!takes(next_code_point(p))) continue;
            std::size_t length = 1;
            for (const char* next = p; next < kept.end() && takes(next_code_point(next)); p = next) ++length;
            if (length < min_length_) continue;
            kept.replace(run, p);
            sink.skip(static_cast<std::size_t>(p - run));
            sink.insert(content_);
        }
        return kept.finish();
    }

  private:
    [[nodiscard]] bool takes(char32_t c) const {
        return whitespace_ ? unicode::is_in(c, unicode::kSpace) : c == U' ';
    }

    bool whitespace_;
    std::size_t min_length_;
    std::string content_;
};

class Prepend final : public SinkNormalizer<Prepend> {
  public:
    explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}

    template <typename Sink>
    bool apply(std::string_view text, Sink& sink) const {
        if (text.empty() || prefix_.empty()) return false;
        // The prefix, and the first character after it, count as made from that first character.
        const std::size_t first = utf8_length(text[0]);
        sink.skip(first);
        sink.insert(prefix_);
        sink.insert(text.substr(0, first));
        sink.keep(text.substr(first));
        return true;
    }

  private:
    std::string prefix_;
};

}  // namespace

NormalizerPtr make_replace_normalizer(std::string pattern, std::string content) {
    return std::make_shared<Replace>(std::move(pattern), std::move(content));
}

NormalizerPtr make_replace_runs_normalizer(RunOf characters, std::size_t min_length, std::string content) {
    return std::make_shared<ReplaceRuns>(characters, min_length, std::move(content));
}

NormalizerPtr make_prepend_normalizer(std::string prefix) {
    return std::make_shared<Prepend>(std::move(prefix));
}

}  // namespace pypack
