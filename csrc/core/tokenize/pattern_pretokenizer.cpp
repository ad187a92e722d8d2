#include "tokenize/pattern_pretokenizer.hpp"

#include <bit>
#include <stdexcept>

#include "tokenize/pattern_cl100k.hpp"
#include "tokenize/pattern_gpt2.hpp"
#include "tokenize/pattern_o200k.hpp"

namespace pypack {
namespace {

using patterns::Window;

// Windows shorter than this before a character outside ASCII are left to the scalar scanner.
constexpr unsigned kShortestWindow = 12;
// A start is certain when two bytes behind it are known: enough to tell 're from 'r.
constexpr unsigned kLookahead = 2;

// Scans by windows where the text is ASCII, and one match at a time elsewhere. No state is carried from window
// to window: each begins where a match begins, and ends with the last start that is certain. That costs a
// tenth of the bytes being looked at twice, and saves all the carries; the scanner is about 5 % of encoding.
template <typename Family, typename Masks>
PYPACK_INLINE std::size_t scan(std::string_view text, std::size_t position, WordSpans& words) {
    const std::size_t size = text.size();
    while (position < size && !words.full()) {
        const std::size_t here = size - position < kMaskBytes ? size - position : kMaskBytes;
        const AsciiMasks masks = Masks::load(text.data() + position, here);
        const auto known = static_cast<unsigned>(
            masks.non_ascii == 0 ? here : static_cast<std::size_t>(std::countr_zero(masks.non_ascii)));
        const bool ends = position + known == size;
        if (ends || known >= kShortestWindow) {
            const std::uint64_t valid = known == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << known) - 1;
            AsciiMasks m = masks;
            if (known < here) {
                m.upper &= valid, m.lower &= valid, m.digit &= valid, m.space &= valid, m.white &= valid;
                m.newline &= valid, m.apostrophe &= valid, m.slash &= valid;
            }
            std::uint64_t starts = Family::starts(Window{m, valid, text.data() + position}) & valid;
            starts |= 1;
            if (!ends) {
                // What a run of whitespace does depends on what follows it: only its first start is certain.
                const auto white_tail = static_cast<unsigned>(std::countl_one(m.white << (64 - known)));
                unsigned certain = known - kLookahead - 1;
                if (known - white_tail < certain) certain = known - white_tail;
                starts &= (std::uint64_t{2} << certain) - 1;
            }
            const auto base = static_cast<std::uint32_t>(position);
            const auto count = static_cast<std::size_t>(std::popcount(starts));
            if (ends || count > 1) {
                Masks::write_positions(starts, base, words.begin + words.size);
                Masks::write_positions(starts & (starts - 1), base, words.end + words.size);
                words.size += count - 1;
                position = base + static_cast<unsigned>(63 - std::countl_zero(starts));
                if (!ends) continue;
                words.end[words.size++] = static_cast<std::uint32_t>(size);
                return size;
            }
        }
        // At least one match, and all those up to the character that ended the window.
        const std::size_t obstacle = position + known;
        do {
            const std::size_t end = Family::next(text, position);
            words.push_back(position, end);
            position = end;
        } while (position <= obstacle && position < size && !words.full());
    }
    return position;
}

template <typename Family>
std::size_t scan_portable(std::string_view text, std::size_t from, WordSpans& words) {
    return scan<Family, PortableMasks>(text, from, words);
}

#if PYPACK_X86_DISPATCH
template <typename Family>
PYPACK_TARGET_AVX2 std::size_t scan_avx2(std::string_view text, std::size_t from, WordSpans& words) {
    return scan<Family, Avx2Masks>(text, from, words);
}

template <typename Family>
PYPACK_TARGET_AVX512 std::size_t scan_avx512(std::string_view text, std::size_t from, WordSpans& words) {
    return scan<Family, Avx512Masks>(text, from, words);
}
#endif

using Scan = std::size_t (*)(std::string_view, std::size_t, WordSpans&);

template <typename Family>
Scan choose(Instructions instructions) {
#if PYPACK_X86_DISPATCH
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512vbmi2");
#else
    const bool avx2 = false;
    const bool avx512 = false;
#endif
    if ((instructions == Instructions::kAvx2 && !avx2) || (instructions == Instructions::kAvx512 && !avx512)) {
        throw std::invalid_argument("this machine lacks the instructions asked for");
    }
#if PYPACK_X86_DISPATCH
    const bool best = instructions == Instructions::kBest;
    if (instructions == Instructions::kAvx512 || (best && avx512)) return scan_avx512<Family>;
    if (instructions == Instructions::kAvx2 || (best && avx2)) return scan_avx2<Family>;
#endif
    return scan_portable<Family>;
}

Scan choose(Pattern pattern, Instructions instructions) {
    switch (pattern) {
        case Pattern::kGpt2:
            return choose<patterns::Gpt2>(instructions);
        case Pattern::kCl100k:
            return choose<patterns::Cl100k<3>>(instructions);
        case Pattern::kQwen2:
            return choose<patterns::Cl100k<1>>(instructions);
        case Pattern::kO200k:
            return choose<patterns::O200k>(instructions);
    }
    throw std::invalid_argument("unknown pattern");
}

class PatternPretokenizer final : public Pretokenizer {
  public:
    explicit PatternPretokenizer(Scan scan) : scan_(scan) {}

    std::size_t split(std::string_view piece, std::size_t from, WordSpans& words) const override {
        return scan_(piece, from, words);
    }

  private:
    Scan scan_;
};

}  // namespace

PretokenizerPtr make_pattern_pretokenizer(Pattern pattern, Instructions instructions) {
    return std::make_shared<PatternPretokenizer>(choose(pattern, instructions));
}

}  // namespace pypack
