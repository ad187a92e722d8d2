// A normalizer and a pretokenizer, chosen by the input, on any text: output is valid UTF-8, words follow one
// another within the text, and every set of instructions gives the same.
#include <iterator>

#include "common/instructions.hpp"
#include "common/valid_utf8.hpp"
#include "target.hpp"
#include "tokenize/decoder.hpp"
#include "tokenize/normalize/normalizer.hpp"
#include "tokenize/pretokenize/pattern_pretokenizer.hpp"
#include "tokenize/text/text_view.hpp"

namespace fuzz {

namespace {

using pypack::Pattern;
using pypack::PretokenizerPtr;

constexpr Pattern kPatterns[] = {Pattern::kGpt2,   Pattern::kCl100k,    Pattern::kQwen2,
                                 Pattern::kQwen35, Pattern::kO200k,     Pattern::kTekken,
                                 Pattern::kFalcon, Pattern::kStarCoder, Pattern::kDeepSeekV3};

struct Scanners {
    std::vector<PretokenizerPtr> all;  // of one pattern, by instruction set
};

std::vector<pypack::Instructions> instructions_here() {
    std::vector<pypack::Instructions> sets{pypack::Instructions::kPortable};
    if (pypack::has_avx2()) sets.push_back(pypack::Instructions::kAvx2);
    if (pypack::has_avx512()) sets.push_back(pypack::Instructions::kAvx512);
    return sets;
}

const std::vector<Scanners>& scanners() {
    static const std::vector<Scanners> made = [] {
        std::vector<Scanners> patterns;
        for (const Pattern pattern : kPatterns) {
            Scanners& of = patterns.emplace_back();
            for (const auto instructions : instructions_here()) {
                of.all.push_back(pypack::make_pattern_pretokenizer(pattern, instructions));
            }
        }
        return patterns;
    }();
    return made;
}

using Words = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

Words words_of(const pypack::Pretokenizer& pretokenizer, std::string_view text, std::size_t room) {
    std::vector<std::uint32_t> begins(room + pypack::WordSpans::kSlack);
    std::vector<std::uint32_t> ends(begins.size());
    Words words;
    for (std::size_t from = 0; from < text.size();) {
        pypack::WordSpans spans{begins.data(), ends.data(), room};
        from = pretokenizer.split(text, from, spans);
        for (std::size_t i = 0; i < spans.size; ++i) words.emplace_back(begins[i], ends[i]);
    }
    return words;
}

// The definition is the portable scanner: those with vectors find the same words.
void check_words(const Scanners& pattern, std::string_view text) {
    const Words expected = words_of(*pattern.all.front(), text, 300);
    std::uint32_t at = 0;
    for (const auto& [begin, end] : expected) {
        check(begin >= at && end > begin && end <= text.size(), "a word lies outside of the text");
        at = end;
    }
    for (const auto& other : pattern.all) {
        check(words_of(*other, text, 7) == expected, "scanners differ");
    }
}

}  // namespace

std::vector<std::string> seeds() {
    const std::vector<std::string> texts = {
        "I'll see you at 12:30, don't be late!\n\n  \tDON'T 123456 caf\u00e9 na\u00efve",
        "\u6771\u4eac\u306b \u884c\u304f 1\u0661\u0967 \u00a0\u3000\u2028x e\u0301\u0323\u0301 \u01c5\u01c4",
        "\U0001f468\u200d\U0001f469 \U0001f1e6\U0001f1e7 \u1100\u1161\u11a8 \uac00 \u0f71\u0f72\u0f74 \ufb01",
        std::string("\0\x7f \x01\r\n\r\r a", 10),
    };
    std::vector<std::string> seeds;
    for (std::size_t i = 0; i < std::size(kPatterns) * texts.size(); ++i) {  // every pattern with every text
        const char which[] = {static_cast<char>(i % std::size(kPatterns)), static_cast<char>(i % 10)};
        seeds.push_back(std::string(which, 2) + texts[i % texts.size()]);
    }
    return seeds;
}

void run(std::string_view bytes) {
    const Scanners& pattern = scanners()[number(bytes, std::size(kPatterns))];
    const std::size_t chosen = number(bytes, 10);
    std::string lossy;
    pypack::append_lossy(bytes, lossy);
    const Exact held(lossy);
    const std::string_view text = held.view();
    check(pypack::valid_utf8_prefix(text) == text.size(), "a lossy text is no UTF-8");
    if (text.empty()) return;
    check_words(pattern, text);
    using pypack::unicode::NormalizationForm;
    static const std::vector<pypack::NormalizerPtr> normalizers = {
        pypack::make_bert_normalizer({}),
        pypack::make_lowercase_normalizer(),
        pypack::make_nmt_normalizer(),
        pypack::make_normalization_form(NormalizationForm::kNfc),
        pypack::make_normalization_form(NormalizationForm::kNfd),
        pypack::make_normalization_form(NormalizationForm::kNfkc),
        pypack::make_normalization_form(NormalizationForm::kNfkd),
        pypack::make_strip_accents_normalizer(),
        pypack::make_strip_normalizer(true, true),
        pypack::make_replace_normalizer(" ", "\u2581"),
    };
    std::string out;
    if (!normalizers[chosen % normalizers.size()]->normalize(text, out)) return;
    check(pypack::valid_utf8_prefix(out) == out.size(), "a normalizer gave what is no UTF-8");
}

}  // namespace fuzz
