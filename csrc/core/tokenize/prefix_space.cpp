#include "tokenize/prefix_space.hpp"

namespace pypack {
namespace {

class PrefixSpacePretokenizer final : public Pretokenizer {
  public:
    explicit PrefixSpacePretokenizer(PretokenizerPtr inner) : inner_(std::move(inner)) {}

    bool rewrite(std::string_view piece, bool, std::string& out) const override {
        if (piece.starts_with(' ')) return false;
        out.reserve(out.size() + piece.size() + 1);
        out.append(1, ' ').append(piece);
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
