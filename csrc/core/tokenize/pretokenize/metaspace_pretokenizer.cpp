#include "tokenize/pretokenize/metaspace_pretokenizer.hpp"

#include <bit>
#include <cstring>
#include <stdexcept>

#include "tokenize/pretokenize/rewriting_pretokenizer.hpp"
#include "tokenize/unicode/utf8.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace pypack {

namespace {

constexpr std::size_t kBlock = 64;

// Bit i: byte i of the block is `byte`.
std::uint64_t equal_mask(const char* text, char byte) {
    std::uint64_t mask = 0;
#if defined(__SSE2__)
    for (unsigned i = 0; i < kBlock; i += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + i));
        const int equal = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte)));
        mask |= std::uint64_t{static_cast<std::uint32_t>(equal)} << i;
    }
#else
    for (unsigned i = 0; i < kBlock; ++i) mask |= std::uint64_t{text[i] == byte} << i;
#endif
    return mask;
}

class MetaspacePretokenizer final : public RewritingPretokenizer<MetaspacePretokenizer> {
  public:
    MetaspacePretokenizer(std::string replacement, bool prepends_at_text_start)
        : replacement_(std::move(replacement)), prepends_(prepends_at_text_start) {
        if (replacement_.empty() || replacement_.size() != utf8_length(replacement_[0])) {
            throw std::invalid_argument("Metaspace: the replacement '" + replacement_ +
                                        "' is not one character");
        }
    }

    template <typename Sink>
    bool apply(std::string_view piece, bool at_text_start, Sink& sink) const {
        if (!prepends_ || !at_text_start || piece[0] == ' ' || piece.starts_with(replacement_)) return false;
        sink.keep(piece.substr(write_prefixed(piece, replacement_, sink)));
        return true;
    }

    std::size_t split(std::string_view piece, std::size_t from, WordSpans& words) const override {
        // The word at `from` begins there whatever it begins with.
        std::size_t word = from;
        std::size_t position = from + utf8_length(piece[from]);
        char padded[kBlock];
        while (position < piece.size() && !words.full()) {
            const char* text = piece.data() + position;
            const std::size_t size = std::min(piece.size() - position, kBlock);
            if (size < kBlock) {
                std::memset(padded, 0, sizeof padded);
                text = static_cast<const char*>(std::memcpy(padded, text, size));
            }
            std::uint64_t starts = equal_mask(text, ' ');
            for (std::uint64_t left = equal_mask(text, replacement_[0]); left != 0; left &= left - 1) {
                const auto i = static_cast<std::size_t>(std::countr_zero(left));
                if (piece.substr(position + i).starts_with(replacement_)) starts |= std::uint64_t{1} << i;
            }
            for (; starts != 0 && !words.full(); starts &= starts - 1) {
                const std::size_t start = position + static_cast<std::size_t>(std::countr_zero(starts));
                words.push_back(word, start);
                word = start;
            }
            position += size;
        }
        if (words.full()) return word;
        words.push_back(word, piece.size());
        return piece.size();
    }

  private:
    std::string replacement_;
    bool prepends_;
};

}  // namespace

PretokenizerPtr make_metaspace_pretokenizer(std::string replacement, bool prepends_at_text_start) {
    return std::make_shared<MetaspacePretokenizer>(std::move(replacement), prepends_at_text_start);
}

}  // namespace pypack
