// Precompiled: SentencePiece's normalization as `tokenizers` applies it. A grapheme cluster of less than six
// bytes that begins with a key is replaced as a whole (marks behind the key are lost with it); the characters
// of any other cluster are looked up one by one.
#include <bit>

#include "tokenize/normalize/charsmap.hpp"
#include "tokenize/normalize/sink_normalizer.hpp"
#include "tokenize/unicode/ascii_block.hpp"
#include "tokenize/unicode/graphemes.hpp"

namespace pypack {

namespace {

using unicode::GraphemeClass;

constexpr std::ptrdiff_t kMaxWhole = 5;  // bytes of a cluster that is looked up as a whole
constexpr std::ptrdiff_t kBlock = ascii::kBlock;

class Precompiled final : public SinkNormalizer<Precompiled> {
  public:
    explicit Precompiled(std::string_view charsmap) : charsmap_(charsmap) {
        for (char32_t c = ' '; c < 0x7F; ++c) keeps_ascii_ &= !charsmap_.find(c).has_value();
    }

    template <typename Sink>
    bool apply(std::string_view text, Sink& sink) const {
        const char* const end = text.data() + text.size();
        Progress<Sink> progress{sink, text.data(), false};
        for (const char* p = text.data(); p < end;) {
            if (keeps_ascii_ && end - p >= kBlock && *p >= ' ') {
                p = skip_ascii(p, end);
                if (p == end) break;
            }
            const char* const start = p;
            const char32_t first = next_code_point(p);
            if (is_cluster_alone(first, p, end)) {
                replace_character(start, p, first, progress);
            } else {
                p = cluster_end(first, p, end);
                replace_cluster({start, static_cast<std::size_t>(p - start)}, progress);
            }
        }
        if (progress.changed) sink.keep({progress.kept, static_cast<std::size_t>(end - progress.kept)});
        return progress.changed;
    }

  private:
    template <typename Sink>
    struct Progress {
        Sink& sink;
        const char* kept;  // from here on nothing is written yet
        bool changed;

        void replace(const char* start, const char* stop, std::size_t num_characters,
                     std::string_view image) {
            sink.keep({kept, static_cast<std::size_t>(start - kept)});
            sink.replace(num_characters, image);
            kept = stop;
            changed = true;
        }
    };

    // Past printable ASCII, but not past a character that what follows may belong to.
    static const char* skip_ascii(const char* p, const char* end) {
        while (end - p >= kBlock) {
            const ascii::Mask odd = ascii::not_printable(p);
            if (odd == 0) {
                p += kBlock;
                continue;
            }
            const char* const stop = p + std::countr_zero(odd);
            return static_cast<unsigned char>(*stop) < 0x80 ? stop : stop - 1;
        }
        return p == end ? p : p - 1;
    }

    // Whether the character before p is a cluster of its own, found without a scanner where that is easy.
    static bool is_cluster_alone(char32_t first, const char* p, const char* end) {
        if (p == end) return true;
        if (static_cast<unsigned char>(*p) < 0x80 && first < 0x80) return first != '\r' || *p != '\n';
        const GraphemeClass first_class = unicode::grapheme_class(first);
        const bool joins_others =
            first_class >= GraphemeClass::kPrepend && first_class <= GraphemeClass::kLvt;
        return !joins_others && unicode::grapheme_class(next_code_point(p)) < GraphemeClass::kExtend;
    }

    static const char* cluster_end(char32_t first, const char* p, const char* end) {
        unicode::GraphemeScanner scanner(first);
        for (const char* next = p; next < end && scanner.extend(next_code_point(next)); p = next) {
        }
        return p;
    }

    template <typename Sink>
    void replace_character(const char* start, const char* stop, char32_t c, Progress<Sink>& progress) const {
        if (const auto image = charsmap_.find(c)) progress.replace(start, stop, 1, *image);
    }

    template <typename Sink>
    void replace_cluster(std::string_view cluster, Progress<Sink>& progress) const {
        const char* const end = cluster.data() + cluster.size();
        if (end - cluster.data() <= kMaxWhole) {
            if (const auto image = charsmap_.find(cluster)) {
                std::size_t num_characters = 0;
                for (const char byte : cluster) num_characters += is_utf8_continuation(byte) ? 0 : 1;
                progress.replace(cluster.data(), end, num_characters, *image);
                return;
            }
        }
        for (const char* p = cluster.data(); p < end;) {
            const char* const start = p;
            const char32_t c = next_code_point(p);
            replace_character(start, p, c, progress);
        }
    }

    Charsmap charsmap_;
    bool keeps_ascii_ = true;
};

}  // namespace

NormalizerPtr make_precompiled_normalizer(std::string_view charsmap) {
    return std::make_shared<Precompiled>(charsmap);
}

}  // namespace pypack
