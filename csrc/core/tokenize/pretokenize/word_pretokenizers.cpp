#include "tokenize/pretokenize/word_pretokenizers.hpp"

#include <bit>
#include <cstring>

#include "tokenize/unicode/classes.hpp"
#include "tokenize/unicode/utf8.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace pypack {

namespace {

constexpr std::size_t kBlock = 64;

// Bit i: what byte i is. A punctuation character has its first byte in `punct`, the others in `inside`.
struct Masks {
    std::uint64_t white = 0;
    std::uint64_t punct = 0;
    std::uint64_t inside = 0;
    std::uint64_t wide = 0;  // bytes above ASCII, whose class the other masks do not yet have
};

#if defined(__SSE2__)

// Bytes in [first, first + count). SSE2 belongs to every x86-64, and this is not where the time goes, so
// there are no variants for newer instruction sets.
std::uint32_t in_range(__m128i bytes, int first, int count) {
    const __m128i shifted = _mm_sub_epi8(bytes, _mm_set1_epi8(static_cast<char>(first)));
    const __m128i clipped = _mm_min_epu8(shifted, _mm_set1_epi8(static_cast<char>(count - 1)));
    return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(clipped, shifted)));
}

Masks ascii_masks(const char* text) {
    Masks masks;
    for (unsigned i = 0; i < kBlock; i += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + i));
        const std::uint32_t white = in_range(bytes, ' ', 1) | in_range(bytes, '\t', 5);
        const __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        const std::uint32_t alnum = in_range(lower, 'a', 26) | in_range(bytes, '0', 10);
        const std::uint32_t punct = in_range(bytes, '!', '~' - '!' + 1) & ~alnum;
        const auto wide = static_cast<std::uint32_t>(_mm_movemask_epi8(bytes));
        masks.white |= std::uint64_t{white} << i;
        masks.punct |= std::uint64_t{punct} << i;
        masks.wide |= std::uint64_t{wide} << i;
    }
    return masks;
}

#else

Masks ascii_masks(const char* text) {
    Masks masks;
    for (unsigned i = 0; i < kBlock; ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const std::uint64_t bit = std::uint64_t{1} << i;
        if (byte >= 0x80) {
            masks.wide |= bit;
        } else if (unicode::has_trait(byte, unicode::Trait::kWhitespace)) {
            masks.white |= bit;
        } else if (unicode::has_trait(byte, unicode::Trait::kPunct)) {
            masks.punct |= bit;
        }
    }
    return masks;
}

#endif

// Puts the characters above ASCII of the block's first `size` bytes, which end a character, into the masks.
void classify_wide(const char* text, Masks& masks) {
    for (std::uint64_t left = masks.wide; left != 0;) {
        const int i = std::countr_zero(left);
        const char* p = text + i;
        const std::uint8_t traits = unicode::traits(next_code_point(p));
        const auto length = static_cast<unsigned>(p - (text + i));
        const std::uint64_t bytes = ((std::uint64_t{1} << length) - 1) << i;
        left &= ~bytes;
        if (traits >> static_cast<unsigned>(unicode::Trait::kWhitespace) & 1) {
            masks.white |= bytes;
        } else if (traits >> static_cast<unsigned>(unicode::Trait::kPunct) & 1) {
            masks.punct |= bytes & -bytes;
            masks.inside |= bytes & (bytes - 1);
        }
    }
}

// Bytes of the block [0, size) that belong to whole characters; size is at least 4.
std::size_t whole_characters(const char* text, std::size_t size) {
    std::size_t last = size - 1;
    while (is_utf8_continuation(text[last])) --last;
    return last + utf8_length(text[last]) <= size ? size : last;
}

void write_positions(std::uint64_t bits, std::size_t base, std::uint32_t* out) {
    for (; bits != 0; bits &= bits - 1) {
        *out++ = static_cast<std::uint32_t>(base + static_cast<std::size_t>(std::countr_zero(bits)));
    }
}

class WhitespacePretokenizer final : public Pretokenizer {
  public:
    explicit WhitespacePretokenizer(bool isolates_punctuation) : isolates_(isolates_punctuation) {}

    std::size_t split(std::string_view piece, std::size_t from, WordSpans& words) const override {
        std::uint64_t word_before = 0;   // 1: the byte before the block belongs to a word
        std::uint64_t punct_before = 0;  // 1: to a punctuation character
        std::size_t num_ends = words.size;
        char padded[kBlock];
        while (from < piece.size() && num_ends < words.capacity) {
            const char* text = piece.data() + from;
            std::size_t size = piece.size() - from;
            if (size >= kBlock) {
                size = whole_characters(text, kBlock);
            } else {
                std::memset(padded, ' ', sizeof padded);
                text = static_cast<const char*>(std::memcpy(padded, text, size));
            }
            const std::uint64_t valid = size == kBlock ? ~std::uint64_t{0} : (std::uint64_t{1} << size) - 1;
            Masks masks = ascii_masks(text);
            masks.wide &= valid;
            if (masks.wide != 0) classify_wide(text, masks);
            if (!isolates_) masks.punct = masks.inside = 0;

            const std::uint64_t punct = (masks.punct | masks.inside) & valid;
            const std::uint64_t word = ~(masks.white | punct) & valid;
            const std::uint64_t after_word = word << 1 | word_before;
            const std::uint64_t after_punct = punct << 1 | punct_before;
            const std::uint64_t starts = (masks.punct & valid) | (word & ~after_word);
            const std::uint64_t ends = ((after_word & ~word) | (after_punct & ~masks.inside)) & valid;
            write_positions(starts, from, words.begin + words.size);
            write_positions(ends, from, words.end + num_ends);
            words.size += static_cast<std::size_t>(std::popcount(starts));
            num_ends += static_cast<std::size_t>(std::popcount(ends));
            word_before = word >> (size - 1) & 1;
            punct_before = punct >> (size - 1) & 1;
            from += size;
        }
        if (num_ends < words.size && from == piece.size()) {
            words.end[num_ends++] = static_cast<std::uint32_t>(from);
        }
        // Words beyond the room, and one whose end is not known, wait for the next call.
        const std::size_t num_words = num_ends < words.capacity ? num_ends : words.capacity;
        if (num_words < words.size) from = words.begin[num_words];
        words.size = num_words;
        return from;
    }

  private:
    bool isolates_;
};

}  // namespace

PretokenizerPtr make_bert_pretokenizer() {
    return std::make_shared<WhitespacePretokenizer>(true);
}

PretokenizerPtr make_whitespace_split() {
    return std::make_shared<WhitespacePretokenizer>(false);
}

}  // namespace pypack
