// How most normalizers are written: once, against either sink.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tokenize/normalize/normalizer.hpp"
#include "tokenize/normalize/text_sink.hpp"
#include "tokenize/unicode/utf8.hpp"

namespace pypack {

// Derived has `template <typename Sink> bool apply(std::string_view text, Sink& sink) const`, with the return
// value of Normalizer::normalize.
template <typename Derived>
class SinkNormalizer : public Normalizer {
  public:
    bool normalize(std::string_view text, std::string& out) const override {
        TextSink sink(out);
        return self().apply(text, sink);
    }

    bool normalize_aligned(std::string_view text, const Alignment& alignment, std::string& out,
                           Alignment& out_alignment) const override {
        AlignedSink sink(text, alignment, out, out_alignment);
        return self().apply(text, sink);
    }

  private:
    [[nodiscard]] const Derived& self() const { return static_cast<const Derived&>(*this); }
};

// Writes to a sink what a normalizer leaves of a text as it is, between what it writes itself.
template <typename Sink>
class KeptText {
  public:
    KeptText(std::string_view text, Sink& sink)
        : kept_(text.data()), end_(text.data() + text.size()), sink_(sink) {}

    // Nothing before it is left to be written.
    [[nodiscard]] const char* begin() const { return kept_; }
    [[nodiscard]] const char* end() const { return end_; }

    // Keeps what comes before [first, last), in whose place the caller writes something else.
    void replace(const char* first, const char* last) {
        sink_.keep({kept_, static_cast<std::size_t>(first - kept_)});
        kept_ = last;
        changed_ = true;
    }

    // Keeps the rest. The return value of Normalizer::normalize.
    [[nodiscard]] bool finish() {
        if (changed_) sink_.keep({kept_, static_cast<std::size_t>(end_ - kept_)});
        return changed_;
    }

  private:
    const char* kept_;
    const char* end_;
    Sink& sink_;
    bool changed_ = false;
};

// Writes each character c as map(c).
template <typename Map, typename Sink>
bool map_characters(std::string_view text, Map&& map, Sink& sink) {
    KeptText kept(text, sink);
    for (const char* p = kept.begin(); p < kept.end();) {
        const char* const start = p;
        const char32_t code_point = next_code_point(p);
        const char32_t image = map(code_point);
        if (image == code_point) continue;
        kept.replace(start, p);
        sink.put(image, 0);
    }
    return kept.finish();
}

// Drops the characters c for which !is_kept(c). What is dropped counts as part of the character before it.
template <typename IsKept, typename Sink>
bool filter_characters(std::string_view text, IsKept&& is_kept, Sink& sink) {
    KeptText kept(text, sink);
    const char* last = nullptr;  // the last character of those that stay in [kept.begin(), p)
    for (const char* p = kept.begin(); p < kept.end();) {
        const char* const start = p;
        if (is_kept(next_code_point(p))) {
            last = start;
            continue;
        }
        int num_dropped = 1;
        const char* next = p;
        while (next < kept.end() && !is_kept(next_code_point(next))) {
            ++num_dropped;
            p = next;
        }
        if (last == nullptr) {
            kept.replace(start, p);
            sink.skip(static_cast<std::size_t>(p - start));
        } else {
            kept.replace(last, p);
            sink.put(next_code_point(last), -num_dropped);
        }
        last = nullptr;
    }
    return kept.finish();
}

}  // namespace pypack
