// Bindings of the pretokenizers of csrc/core/tokenize. One static method makes each kind.
#include <pybind11/stl.h>

#include <map>
#include <tuple>

#include "bindings/common/arrays.hpp"
#include "bindings/common/bytes_view.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "tokenize/pretokenize/marker_pretokenizer.hpp"
#include "tokenize/pretokenize/metaspace_pretokenizer.hpp"
#include "tokenize/pretokenize/pattern_pretokenizer.hpp"
#include "tokenize/pretokenize/plain_patterns.hpp"
#include "tokenize/pretokenize/prefix_space.hpp"
#include "tokenize/pretokenize/pretokenizer.hpp"
#include "tokenize/pretokenize/split_steps.hpp"
#include "tokenize/pretokenize/trailing_blanks.hpp"
#include "tokenize/pretokenize/word_pretokenizers.hpp"
#include "tokenize/unicode/classes.hpp"
#include "tokenize/vocabulary/space_marker.hpp"
#include "tokenize/vocabulary/vocabulary.hpp"

namespace pypack::bindings {

namespace {

PretokenizerPtr pattern(const std::string& name, const std::string& instructions) {
    static const std::map<std::string, Pattern> kPatterns{
        {"gpt2", Pattern::kGpt2},         {"cl100k", Pattern::kCl100k},
        {"nanochat", Pattern::kNanochat}, {"qwen2", Pattern::kQwen2},
        {"qwen3_5", Pattern::kQwen35},    {"o200k", Pattern::kO200k},
        {"tekken", Pattern::kTekken},     {"starcoder", Pattern::kStarCoder},
        {"falcon", Pattern::kFalcon},     {"deepseek_v3", Pattern::kDeepSeekV3}};
    const auto known = kPatterns.find(name);
    if (known == kPatterns.end()) throw py::value_error("no pattern is named '" + name + "'");
    return make_pattern_pretokenizer(known->second, instructions_named(instructions));
}

PretokenizerPtr marker(const Vocabulary& tokens, bool rewrites, const std::string& prepend,
                       bool cuts_at_spaces, bool cuts_safely) {
    using Prepend = MarkerOptions::Prepend;
    const auto scheme = prepend == "never"   ? Prepend::kNever
                        : prepend == "first" ? Prepend::kFirst
                        : prepend == "always"
                            ? Prepend::kAlways
                            : throw py::value_error("prepend must be never, first or always, got " + prepend);
    StringList spelled;
    if (cuts_safely) {
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            if (const auto text = spell_marker_as_space(tokens.tokens()[i])) spelled.push_back(*text);
        }
    }
    return make_marker_pretokenizer({rewrites, scheme, cuts_at_spaces, cuts_safely}, spelled);
}

std::shared_ptr<PatternAutomaton> automaton(const Array<std::uint8_t>& class_of, unsigned num_classes,
                                            const Array<std::uint16_t>& steps,
                                            const Array<std::uint16_t>& starts,
                                            const std::vector<std::shared_ptr<PatternAutomaton>>& looks) {
    return std::make_shared<PatternAutomaton>(view(class_of, "class_of"), num_classes, view(steps, "steps"),
                                              view(starts, "starts"),
                                              std::vector<PatternAutomaton::Ptr>(looks.begin(), looks.end()));
}

SplitBehavior behavior_named(const std::string& name) {
    static const std::map<std::string, SplitBehavior> kBehaviors{
        {"Removed", SplitBehavior::kRemoved},
        {"Isolated", SplitBehavior::kIsolated},
        {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
        {"MergedWithNext", SplitBehavior::kMergedWithNext},
        {"Contiguous", SplitBehavior::kContiguous}};
    const auto known = kBehaviors.find(name);
    if (known == kBehaviors.end()) throw py::value_error("no behavior is named '" + name + "'");
    return known->second;
}

// Each step: (pattern, behavior, invert), a Pretokenizer, or a number of characters.
PretokenizerPtr steps(const py::list& list, const std::string& instructions) {
    std::vector<SplitStep> made;
    for (const py::handle& item : list) {
        SplitStep step;
        if (py::isinstance<Pretokenizer>(item)) {
            step.inner = item.cast<std::shared_ptr<Pretokenizer>>();
        } else if (py::isinstance<py::int_>(item)) {
            step.num_characters = item.cast<std::size_t>();
            if (step.num_characters == 0) throw py::value_error("a length must be at least 1");
        } else {
            const auto [pattern, behavior, invert] =
                item.cast<std::tuple<std::shared_ptr<PatternAutomaton>, std::string, bool>>();
            step.pattern = pattern;
            step.behavior = behavior_named(behavior);
            step.invert = invert;
        }
        made.push_back(std::move(step));
    }
    return make_split_steps(std::move(made), instructions_named(instructions));
}

// By code point: the general category as the regexes have it, and the traits of classes.hpp as bits.
py::tuple character_tables() {
    py::array_t<std::uint8_t> categories(0x110000);
    py::array_t<std::uint8_t> traits(0x110000);
    for (char32_t c = 0; c < 0x110000; ++c) {
        categories.mutable_data()[c] = static_cast<std::uint8_t>(unicode::category(c));
        traits.mutable_data()[c] = unicode::traits(c);
    }
    return py::make_tuple(categories, traits);
}

// What the engine does with one piece, for tests and for a look at the words.
std::vector<py::bytes> words(const Pretokenizer& pretokenizer, const std::string& piece, bool at_text_start,
                             std::size_t capacity) {
    if (capacity == 0) throw py::value_error("capacity must be at least 1, got 0");
    std::string rewritten;
    const bool is_rewritten = pretokenizer.rewrite(piece, at_text_start, rewritten);
    const std::string& text = is_rewritten ? rewritten : piece;
    std::vector<std::uint32_t> begin(capacity + WordSpans::kSlack), end(capacity + WordSpans::kSlack);
    std::vector<py::bytes> out;
    for (std::size_t from = 0; from < text.size();) {
        WordSpans spans{begin.data(), end.data(), capacity};
        from = pretokenizer.split(text, from, spans);
        for (std::size_t i = 0; i < spans.size; ++i) {
            out.emplace_back(text.data() + spans.begin[i], spans.end[i] - spans.begin[i]);
        }
    }
    return out;
}

// How many there are, in the batches that the engine takes: for benchmarks.
std::size_t count_words(const Pretokenizer& pretokenizer, const py::buffer& piece) {
    constexpr std::size_t kCapacity = 256;
    const BytesView view(piece);
    const GilRelease release;
    std::string rewritten;
    const bool is_rewritten = pretokenizer.rewrite(view.bytes(), true, rewritten);
    const std::string_view text = is_rewritten ? std::string_view(rewritten) : view.bytes();
    std::vector<std::uint32_t> begin(kCapacity + WordSpans::kSlack), end(kCapacity + WordSpans::kSlack);
    std::size_t count = 0;
    for (std::size_t from = 0; from < text.size();) {
        WordSpans spans{begin.data(), end.data(), kCapacity};
        from = pretokenizer.split(text, from, spans);
        count += spans.size;
    }
    return count;
}

}  // namespace

void register_pretokenizers(py::module_& m) {
    py::class_<Pretokenizer, std::shared_ptr<Pretokenizer>> cls(m, "Pretokenizer", py::is_final(),
                                                                "A pre_tokenizer of tokenizer.json.");
    cls.def_static("bert", &make_bert_pretokenizer);
    cls.def_static("metaspace", &make_metaspace_pretokenizer, py::arg("replacement"),
                   py::arg("prepends_at_text_start"));
    cls.def_static("whitespace", &make_whitespace_pretokenizer);
    cls.def_static("whitespace_split", &make_whitespace_split);
    cls.def_static(
        "pattern", &pattern, py::arg("name"), py::arg("instructions") = "best",
        "What byte-level tokenizers cut with: gpt2, cl100k, nanochat, qwen2, qwen3_5, o200k, tekken, "
        "starcoder, falcon or deepseek_v3.");
    cls.def_static("clip", &make_clip_pretokenizer, "CLIP's regex; whitespace belongs to no word.");
    cls.def_static("bloom", &make_bloom_pretokenizer, "BLOOM's regex.");
    cls.def_static("prefix_space", &make_prefix_space, py::arg("inner"),
                   "A space before each piece that has none, which `inner` then cuts; None for one word.");
    cls.def_static("trailing_blanks", &make_trailing_blanks, py::arg("inner"),
                   "What `inner` cuts, but whitespace at the end of a piece is one word.");
    py::class_<PatternAutomaton, std::shared_ptr<PatternAutomaton>>(
        m, "PatternAutomaton", py::is_final(), "A regex that native/regex_automaton.py has compiled.")
        .def(py::init(&automaton), py::arg("class_of").noconvert(), py::arg("num_classes"),
             py::arg("steps").noconvert(), py::arg("starts").noconvert(), py::arg("looks"),
             "See csrc/core/tokenize/pretokenize/pattern_automaton.hpp.");
    m.def("character_tables", &character_tables,
          "By code point: category and traits, uint8 [0x110000] each, see unicode/classes.hpp.");
    cls.def_static(
        "steps", &steps, py::arg("steps"), py::arg("instructions") = "best",
        "One after the other: (pattern, behavior, invert), a Pretokenizer, or a number of characters.");
    cls.def_static("marker", &marker, py::arg("tokens"), py::kw_only(), py::arg("rewrites"),
                   py::arg("prepend"), py::arg("cuts_at_spaces"), py::arg("cuts_safely"),
                   "SentencePiece-style text, where U+2581 is held as a space.");
    cls.def("words", &words, py::arg("piece"), py::arg("at_text_start") = true, py::arg("capacity") = 256,
            "The words of a piece, found `capacity` at a time.");
    cls.def("count_words", &count_words, py::arg("piece"), "How many words a piece has, given as its UTF-8.");
}

}  // namespace pypack::bindings
