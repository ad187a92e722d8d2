// How a pretokenizer that rewrites pieces is written: once, against either sink, as normalizers are.
#pragma once

#include "tokenize/pretokenize/pretokenizer.hpp"
#include "tokenize/unicode/utf8.hpp"

namespace pypack {

// Derived has `template <typename Sink> bool apply(std::string_view piece, bool at_text_start, Sink& sink)
// const`, with the return value of Pretokenizer::rewrite.
template <typename Derived>
class RewritingPretokenizer : public Pretokenizer {
  public:
    bool rewrite(std::string_view piece, bool at_text_start, std::string& out) const override {
        TextSink sink(out);
        return self().apply(piece, at_text_start, sink);
    }

    bool rewrite_aligned(std::string_view piece, const Alignment& alignment, bool at_text_start,
                         std::string& out, Alignment& out_alignment) const override {
        AlignedSink sink(piece, alignment, out, out_alignment);
        return self().apply(piece, at_text_start, sink);
    }

  private:
    [[nodiscard]] const Derived& self() const { return static_cast<const Derived&>(*this); }
};

// Writes prefix and the first character of a piece; both count as made from that character. Returns its size.
template <typename Sink>
std::size_t write_prefixed(std::string_view piece, std::string_view prefix, Sink& sink) {
    const std::size_t first = utf8_length(piece[0]);
    sink.skip(first);
    sink.insert(prefix);
    sink.insert(piece.substr(0, first));
    return first;
}

}  // namespace pypack
