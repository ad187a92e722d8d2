// How most normalizers are written: once, against either sink.
#pragma once

#include "tokenize/normalize/normalizer.hpp"

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

// Writes each character c as map(c).
template <typename Map, typename Sink>
bool map_characters(std::string_view text, Map&& map, Sink& sink) {
    const char* const end = text.data() + text.size();
    const char* kept = text.data();
    bool changed = false;
    for (const char* p = kept; p < end;) {
        const char* const start = p;
        const char32_t code_point = next_code_point(p);
        const char32_t image = map(code_point);
        if (image == code_point) continue;
        sink.keep({kept, static_cast<std::size_t>(start - kept)});
        sink.put(image, 0);
        kept = p;
        changed = true;
    }
    if (changed) sink.keep({kept, static_cast<std::size_t>(end - kept)});
    return changed;
}

// Drops the characters c for which !is_kept(c). What is dropped counts as part of the character before it.
template <typename IsKept, typename Sink>
bool filter_characters(std::string_view text, IsKept&& is_kept, Sink& sink) {
    const char* const end = text.data() + text.size();
    const char* kept = text.data();
    const char* last = nullptr;  // the last character of the run [kept, p) of characters that stay
    bool changed = false;
    for (const char* p = kept; p < end;) {
        const char* const start = p;
        if (is_kept(next_code_point(p))) {
            last = start;
            continue;
        }
        changed = true;
        int num_dropped = 1;
        const char* next = p;
        while (next < end && !is_kept(next_code_point(next))) {
            ++num_dropped;
            p = next;
        }
        if (last == nullptr) {
            sink.skip(static_cast<std::size_t>(p - kept));
        } else {
            sink.keep({kept, static_cast<std::size_t>(last - kept)});
            sink.put(next_code_point(last), -num_dropped);
        }
        kept = p;
        last = nullptr;
    }
    if (changed) sink.keep({kept, static_cast<std::size_t>(end - kept)});
    return changed;
}

}  // namespace pypack
