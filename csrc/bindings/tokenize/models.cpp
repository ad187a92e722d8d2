// Bindings of the models of csrc/core/tokenize. One static method makes each kind.
#include <pybind11/stl.h>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "bindings/tokenize/string_list.hpp"
#include "tokenize/models/bpe_model.hpp"
#include "tokenize/models/model.hpp"
#include "tokenize/models/sentencepiece_models.hpp"
#include "tokenize/models/unigram_model.hpp"
#include "tokenize/models/wordlevel_model.hpp"
#include "tokenize/models/wordpiece_model.hpp"

namespace pypack::bindings {

namespace {

ModelPtr wordpiece(std::shared_ptr<Vocabulary> vocabulary, TokenId unknown_id, std::string continuing_prefix,
                   std::size_t max_characters) {
    const GilRelease release;
    return make_wordpiece_model(
        {std::move(vocabulary), unknown_id, std::move(continuing_prefix), max_characters});
}

ModelPtr unigram(std::shared_ptr<Vocabulary> pieces, TokenId unknown_id, bool byte_fallback,
                 std::optional<MetaspaceRule> metaspace) {
    const GilRelease release;
    return make_unigram_model({std::move(pieces), unknown_id, byte_fallback, std::move(metaspace)});
}

BpeAlphabet alphabet_named(const std::string& name) {
    if (name == "bytes") return BpeAlphabet::kBytes;
    if (name == "characters") return BpeAlphabet::kCharacters;
    if (name == "space_marker") return BpeAlphabet::kSpaceMarker;
    throw py::value_error("alphabet must be 'bytes', 'characters' or 'space_marker', got '" + name + "'");
}

ModelPtr bpe(std::shared_ptr<Vocabulary> vocabulary, const Merges& merges, const std::string& alphabet,
             std::optional<std::string> unk_token, std::string continuing_subword_prefix,
             std::string end_of_word_suffix, bool fuse_unk, bool byte_fallback, bool ignore_merges) {
    const BpeOptions options{alphabet_named(alphabet),
                             std::move(unk_token),
                             std::move(continuing_subword_prefix),
                             std::move(end_of_word_suffix),
                             fuse_unk,
                             byte_fallback,
                             ignore_merges};
    const GilRelease release;
    if (merges.vocabulary != nullptr && merges.vocabulary != vocabulary) {
        throw std::invalid_argument("the merges are those of another vocabulary");
    }
    return make_bpe_model(options, std::move(vocabulary), merges.list);
}

ModelPtr wordlevel(std::shared_ptr<Vocabulary> vocabulary, TokenId unknown_id) {
    return make_wordlevel_model(std::move(vocabulary), unknown_id);
}

template <ModelPtr (*make)(const SentencePieceOptions&)>
ModelPtr sentencepiece(std::shared_ptr<Vocabulary> pieces, std::string kinds, bool byte_fallback) {
    const GilRelease release;
    return make({std::move(pieces), std::move(kinds), byte_fallback});
}

// What the engine does with a word that its cache does not have.
py::array_t<TokenId> tokenize(const Model& model, const std::string& word) {
    std::vector<TokenId> ids;
    if (!word.empty()) {
        const GilRelease release;
        const auto workspace = model.make_workspace();
        model.tokenize(word, *workspace, ids);
    }
    return to_numpy(std::move(ids));
}

// The same with the bytes of the word that each id came from.
py::tuple tokenize_aligned(const Model& model, const std::string& word) {
    std::vector<TokenId> ids;
    std::vector<ByteRange> ranges;
    if (!word.empty()) {
        const GilRelease release;
        const auto workspace = model.make_workspace();
        model.tokenize_aligned(word, *workspace, ids, ranges);
    }
    std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
    for (const ByteRange& range : ranges) pairs.emplace_back(range.start, range.end);
    return py::make_tuple(to_numpy(std::move(ids)), pairs);
}

std::vector<py::bytes> likely_words(const Model& model) {
    std::vector<py::bytes> words;
    model.for_each_likely_word([&](std::string_view word) { words.emplace_back(word.data(), word.size()); });
    return words;
}

}  // namespace

void register_models(py::module_& m) {
    py::class_<Model, std::shared_ptr<Model>> cls(m, "Model", py::is_final(), "A model of tokenizer.json.");
    cls.def_static("wordpiece", &wordpiece, py::kw_only(), py::arg("vocabulary"), py::arg("unknown_id"),
                   py::arg("continuing_prefix"), py::arg("max_characters"),
                   "A word of more than max_characters is unknown.");
    py::class_<MetaspaceRule>(m, "MetaspaceRule", py::is_final(), "What Metaspace does to a word.")
        .def(py::init<std::string, bool, bool, std::string>(), py::kw_only(), py::arg("replacement"),
             py::arg("prepends"), py::arg("cuts"), py::arg("leading"));
    cls.def_static("unigram", &unigram, py::kw_only(), py::arg("pieces"), py::arg("unknown_id"),
                   py::arg("byte_fallback"), py::arg("metaspace"), "pieces: a vocabulary with scores.");
    cls.def_static("bpe", &bpe, py::arg("vocabulary"), py::arg("merges"), py::kw_only(), py::arg("alphabet"),
                   py::arg("unk_token"), py::arg("continuing_subword_prefix"), py::arg("end_of_word_suffix"),
                   py::arg("fuse_unk"), py::arg("byte_fallback"), py::arg("ignore_merges"),
                   "The merges are in order of rank.");
    cls.def_static("wordlevel", &wordlevel, py::kw_only(), py::arg("vocabulary"), py::arg("unknown_id"),
                   "A word is a token as a whole, or unknown.");
    cls.def_static("sentencepiece_bpe", &sentencepiece<make_sentencepiece_bpe>, py::kw_only(),
                   py::arg("pieces"), py::arg("kinds"), py::arg("byte_fallback"),
                   "pieces: a vocabulary with scores; kinds: a digit each, as the file numbers them.");
    cls.def_static("sentencepiece_unigram", &sentencepiece<make_sentencepiece_unigram>, py::kw_only(),
                   py::arg("pieces"), py::arg("kinds"), py::arg("byte_fallback"));
    cls.def("tokenize", &tokenize, py::arg("word"), "Ids of one word: uint32 [n].");
    cls.def("tokenize_aligned", &tokenize_aligned, py::arg("word"),
            "The same, and the bytes (begin, end) of the word that each id came from.");
    cls.def("likely_words", &likely_words, "Words that the cache starts with.");
}

}  // namespace pypack::bindings
