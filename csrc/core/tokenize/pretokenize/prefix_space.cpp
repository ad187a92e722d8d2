#include "tokenize/pretokenize/prefix_space.hpp"

#include "tokenize/pretokenize/rewriting_pretokenizer.hpp"

namespace pypack {
namespace {

class PrefixSpacePretokenizer final : public RewritingPretokenizer<PrefixSpacePretokenizer> {
  public:
    explicit PrefixSpacePretokenizer(PretokenizerPtr inner) : inner_(std::move(inner)) {}

    template <typename Sink>
    bool apply(std::string_view piece, bool, Sink& sink) const {
        if (piece.starts_with(' ')) return false;
        sink.keep(piece.substr(write_prefixed(piece, " ", sink)));
        return true;
    }

    std::size_t split(std::string_view piece, std::size_t from, WordSpans& words) const override {
        if (inner_ != nullptr) return inner_->split(piece, from, words);
        words.push_back(0, piece.size());
        return piece.size();
    }

  private:
    PretokenizerPtr inner_;
};

}  // namespace

PretokenizerPtr make_prefix_space(PretokenizerPtr inner) {
    return std::make_shared<PrefixSpacePretokenizer>(std::move(inner));
}

}  // namespace pypack
