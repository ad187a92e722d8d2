// Bindings of the models of csrc/core/tokenize. One static method makes each kind.
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "bindings.hpp"
#include "tokenize/model.hpp"
#include "tokenize/wordpiece_model.hpp"

namespace pypack::bindings {

namespace {

ModelPtr wordpiece(std::vector<std::pair<std::string, TokenId>> vocabulary, TokenId unknown_id,
                   std::string continuing_prefix, std::size_t max_characters) {
    const py::gil_scoped_release release;
    return make_wordpiece_model(
        {std::move(vocabulary), unknown_id, std::move(continuing_prefix), max_characters});
}

// What the engine does with a word that its cache does not have.
py::array_t<TokenId> tokenize(const Model& model, const std::string& word) {
    std::vector<TokenId> ids;
    if (!word.empty()) {
        const py::gil_scoped_release release;
        const auto workspace = model.make_workspace();
        model.tokenize(word, *workspace, ids);
    }
    return to_numpy(std::move(ids));
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
                   "vocabulary: (token, id) pairs. A word of more than max_characters is unknown.");
    cls.def("tokenize", &tokenize, py::arg("word"), "Ids of one word: uint32 [n].");
    cls.def("likely_words", &likely_words, "Words that the cache starts with.");
}

}  // namespace pypack::bindings
