#include "tokenize/pretokenize/marker_pretokenizer.hpp"

#include "tokenize/pretokenize/join_set.hpp"
#include "tokenize/pretokenize/rewriting_pretokenizer.hpp"
#include "tokenize/vocabulary/space_marker.hpp"

namespace pypack {
namespace {

class MarkerPretokenizer final : public RewritingPretokenizer<MarkerPretokenizer> {
  public:
    MarkerPretokenizer(MarkerOptions options, const StringList& tokens) : options_(options), joins_(tokens) {}

    template <typename Sink>
    bool apply(std::string_view piece, bool at_text_start, Sink& sink) const {
        if (!options_.rewrites) return false;
        using Prepend = MarkerOptions::Prepend;
        const bool prepends =
            options_.prepend == Prepend::kAlways || (options_.prepend == Prepend::kFirst && at_text_start);
        const bool marked = piece.starts_with(' ') || piece.starts_with(kSpaceMarker);
        std::size_t marker = piece.find(kSpaceMarker);
        if ((!prepends || marked) && marker == std::string_view::npos) return false;
        std::size_t done = prepends && !marked ? write_prefixed(piece, " ", sink) : 0;
        for (; marker != std::string_view::npos; marker = piece.find(kSpaceMarker, done)) {
            sink.keep(piece.substr(done, marker - done));
            sink.skip(kSpaceMarker.size());
            sink.insert(" ");
            done = marker + kSpaceMarker.size();
        }
        sink.keep(piece.substr(done));
        return true;
    }

    std::size_t split(std::string_view piece, std::size_t from, WordSpans& words) const override {
        const char* const text = piece.data();
        const char* const end = text + piece.size();
        const char* p = text + from;
        std::size_t begin = from;
        char32_t left = next_code_point(p);
        while (p < end) {
            const char* const border = p;
            const char32_t right = next_code_point(p);
            const bool cut = (options_.cuts_at_spaces && right == U' ') ||
                             (options_.cuts_safely && !joins_.contains(left, right));
            if (cut) {
                const auto at = static_cast<std::size_t>(border - text);
                words.push_back(begin, at);
                begin = at;
                if (words.full()) return begin;
            }
            left = right;
        }
        words.push_back(begin, piece.size());
        return piece.size();
    }

  private:
    MarkerOptions options_;
    JoinSet joins_;
};

}  // namespace

PretokenizerPtr make_marker_pretokenizer(MarkerOptions options, const StringList& tokens) {
    return std::make_shared<MarkerPretokenizer>(options, tokens);
}

}  // namespace pypack
