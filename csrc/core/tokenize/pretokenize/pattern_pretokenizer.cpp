#include "tokenize/pretokenize/pattern_pretokenizer.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "tokenize/pretokenize/pattern_cl100k.hpp"
#include "tokenize/pretokenize/pattern_deepseek.hpp"
#include "tokenize/pretokenize/pattern_falcon.hpp"
#include "tokenize/pretokenize/pattern_gpt2.hpp"
#include "tokenize/pretokenize/pattern_o200k.hpp"
#include "tokenize/pretokenize/pattern_starcoder.hpp"

namespace pypack {
namespace {

using patterns::Window;

// Windows shorter than this before a character outside ASCII are left to the scalar scanner.
constexpr unsigned kShortestWindow = 12;
// A start is certain when two bytes behind it are known: enough to tell 're from 'r.
constexpr unsigned kLookahead = 2;

namespace portable {
using Masks = PortableMasks;
#include "tokenize/pretokenize/pattern_scan.inc"
}  // namespace portable

#if PYPACK_X86_DISPATCH
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt")
namespace avx2 {
using Masks = Avx2Masks;
#include "tokenize/pretokenize/pattern_scan.inc"
}  // namespace avx2
#pragma GCC pop_options
#pragma GCC push_options
// GCC 12 says it of its own intrinsics.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi,bmi2,lzcnt,popcnt")
namespace avx512 {
using Masks = Avx512Masks;
#include "tokenize/pretokenize/pattern_scan.inc"
}  // namespace avx512
#pragma GCC pop_options
#endif

using Scan = std::size_t (*)(std::string_view, std::size_t, WordSpans&);

template <typename Family>
Scan choose([[maybe_unused]] Instructions instructions) {
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) return avx512::scan<Family>;
    if (instructions == Instructions::kAvx2) return avx2::scan<Family>;
#endif
    return portable::scan<Family>;
}

Scan choose(Pattern pattern, Instructions instructions) {
    switch (pattern) {
        case Pattern::kGpt2:
            return choose<patterns::Gpt2>(instructions);
        case Pattern::kCl100k:
            return choose<patterns::Cl100k<3>>(instructions);
        case Pattern::kNanochat:
            return choose<patterns::Cl100k<2>>(instructions);
        case Pattern::kQwen2:
            return choose<patterns::Cl100k<1>>(instructions);
        case Pattern::kQwen35:
            return choose<patterns::Cl100k<1, unicode::kLetter | unicode::kMark>>(instructions);
        case Pattern::kO200k:
            return choose<patterns::O200k<3, true>>(instructions);
        case Pattern::kTekken:
            return choose<patterns::O200k<1, false>>(instructions);
        case Pattern::kStarCoder:
            return choose<patterns::StarCoder>(instructions);
        case Pattern::kFalcon:
            return choose<patterns::Falcon>(instructions);
        case Pattern::kDeepSeekV3:
            return choose<patterns::DeepSeekV3>(instructions);
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
    return std::make_shared<PatternPretokenizer>(choose(pattern, resolve(instructions)));
}

}  // namespace pypack
