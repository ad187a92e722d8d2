// Bindings of the vocabulary, of the reader of tokenizer.json, and of decoders.
#include <pybind11/stl.h>

#include <map>
#include <tuple>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "bindings/tokenize/string_list.hpp"
#include "tokenize/decoder.hpp"
#include "tokenize/unicode/utf8.hpp"
#include "tokenize/vocabulary/definition_reader.hpp"
#include "tokenize/vocabulary/rank_merges.hpp"
#include "tokenize/vocabulary/vocabulary.hpp"

namespace pypack::bindings {

namespace {

std::shared_ptr<Vocabulary> from_dict(const py::dict& ids_of_tokens) {
    StringList tokens;
    std::vector<TokenId> ids;
    read_vocabulary(ids_of_tokens, tokens, ids);
    return std::make_shared<Vocabulary>(std::move(tokens), std::move(ids));
}

std::shared_ptr<Vocabulary> from_scores(const std::vector<std::pair<std::string, double>>& pieces) {
    StringList tokens;
    std::vector<TokenId> ids;
    std::vector<double> scores;
    for (const auto& [piece, score] : pieces) {
        tokens.push_back(piece);
        ids.push_back(static_cast<TokenId>(ids.size()));
        scores.push_back(score);
    }
    return std::make_shared<Vocabulary>(std::move(tokens), std::move(ids), std::move(scores));
}

std::optional<TokenId> id_of(const Vocabulary& vocabulary, const py::str& token) {
    const TokenId id = vocabulary[utf8_of(token.ptr(), "tokens")];
    return id == kNoToken ? std::nullopt : std::optional(id);
}

py::object token_of(const Vocabulary& vocabulary, TokenId id) {
    const auto token = vocabulary.token(id);
    return token ? py::object(py::str(token->data(), token->size())) : py::none();
}

// A merge of pieces with a mark in front of all but the first takes that mark's bytes off its right side.
py::object first_shorter_than(const Merges& merges, std::size_t mark_bytes) {
    for (std::size_t rank = 0; rank < merges.list.size(); ++rank) {
        const std::string_view left = merges.list.left(rank);
        const std::string_view right = merges.list.right(rank);
        const bool is_cut = right.size() > mark_bytes && is_utf8_continuation(right[mark_bytes]);
        if (right.size() < mark_bytes || is_cut) {
            return py::make_tuple(py::str(left.data(), left.size()), py::str(right.data(), right.size()));
        }
    }
    return py::none();
}

py::bytes canonical(const Vocabulary& vocabulary, const Merges* merges) {
    std::string bytes;
    {
        const GilRelease release;
        bytes = canonical_bytes(vocabulary, merges == nullptr ? nullptr : &merges->list);
    }
    return py::bytes(bytes);
}

py::tuple read(const py::bytes& json, bool nearest_scores) {
    const auto text = static_cast<std::string_view>(json);
    Definition definition;
    {
        const GilRelease release;
        definition = read_definition(text, nearest_scores ? ScoreRounding::kNearest : ScoreRounding::kSerde);
    }
    py::object merges = py::none();
    if (definition.merges) {
        merges =
            py::cast(std::make_shared<Merges>(Merges{MergeList(std::move(*definition.merges)), nullptr}));
    }
    return py::make_tuple(py::bytes(definition.rest), py::cast(std::move(definition.vocabulary)), merges);
}

// token -> rank
void read_ranks(const py::dict& ranks, StringList& tokens, std::vector<TokenId>& ids) {
    PyObject* token = nullptr;
    PyObject* rank = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(ranks.ptr(), &at, &token, &rank) != 0;) {
        const unsigned long id = PyLong_Check(rank) ? PyLong_AsUnsignedLong(rank) : ~0UL;
        if (!PyBytes_Check(token) || id >= kNoToken) {
            PyErr_Clear();
            throw py::value_error("ranks must be bytes, each with a number from 0 to 2^32-2");
        }
        tokens.push_back({PyBytes_AS_STRING(token), static_cast<std::size_t>(PyBytes_GET_SIZE(token))});
        ids.push_back(static_cast<TokenId>(id));
    }
}

py::tuple rank_json(const py::dict& ranks) {
    StringList tokens;
    std::vector<TokenId> ids;
    read_ranks(ranks, tokens, ids);
    std::string vocabulary;
    std::string merges;
    {
        const GilRelease release;
        write_rank_model(tokens, ids, vocabulary, merges);
    }
    return py::make_tuple(py::bytes(vocabulary), py::bytes(merges));
}

py::tuple rank_model(const py::dict& ranks, const py::dict& further) {
    StringList tokens;
    std::vector<TokenId> ids;
    read_ranks(ranks, tokens, ids);
    StringList more;
    std::vector<TokenId> more_ids;
    read_vocabulary(further, more, more_ids);
    std::shared_ptr<Vocabulary> vocabulary;
    auto merges = std::make_shared<Merges>();
    {
        const GilRelease release;
        MergePlaces places = merges_of_ranks(tokens, ids);
        StringList all = spell_tokens(tokens);
        for (std::size_t i = 0; i < more.size(); ++i) all.push_back(more[i]);
        ids.insert(ids.end(), more_ids.begin(), more_ids.end());
        vocabulary = std::make_shared<Vocabulary>(std::move(all), std::move(ids));
        *merges = {MergeList(std::move(places), vocabulary->tokens()), vocabulary};
    }
    return py::make_tuple(py::cast(std::move(vocabulary)), py::cast(std::move(merges)));
}

py::object read_tiktoken(const py::bytes& file) {
    StringList tokens;
    std::vector<TokenId> ranks;
    const std::size_t bad = read_rank_file(static_cast<std::string_view>(file), tokens, ranks);
    if (bad != 0) return py::int_(bad);
    py::dict found;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        found[py::bytes(tokens[i].data(), tokens[i].size())] = py::int_(ranks[i]);
    }
    return found;
}

// kind, pattern, content, count, drops_first
using StepFields = std::tuple<std::string, std::string, std::string, std::size_t, bool>;

std::vector<TokenStep> steps_of(const std::vector<StepFields>& fields) {
    using Kind = TokenStep::Kind;
    static const std::map<std::string, Kind> kKinds{
        {"replace", Kind::kReplace},  {"metaspace", Kind::kMetaspace}, {"wordpiece", Kind::kWordPiece},
        {"clean_up", Kind::kCleanUp}, {"strip", Kind::kStrip},         {"byte_level", Kind::kByteLevel}};
    std::vector<TokenStep> steps;
    for (const auto& [name, pattern, content, count, drops_first] : fields) {
        const auto kind = kKinds.find(name);
        if (kind == kKinds.end()) throw py::value_error("no step of a decoder is named '" + name + "'");
        const bool has_pattern = kind->second != Kind::kCleanUp && kind->second != Kind::kByteLevel &&
                                 kind->second != Kind::kWordPiece;
        if (has_pattern && pattern.empty()) throw py::value_error("the pattern of '" + name + "' is empty");
        steps.push_back({kind->second, pattern, content, count, drops_first});
    }
    return steps;
}

std::unique_ptr<Decoder> make_decoder(const Vocabulary& vocabulary,
                                      const std::vector<std::tuple<TokenId, std::string, bool>>& added,
                                      const std::vector<StepFields>& token_steps, bool byte_fallback,
                                      const std::string& separator, bool replaces_invalid,
                                      const std::vector<StepFields>& text_steps) {
    DecoderOptions options{steps_of(token_steps), byte_fallback, separator, replaces_invalid,
                           steps_of(text_steps)};
    std::vector<DecodedToken> tokens;
    for (const auto& [id, text, special] : added) tokens.push_back({id, text, special});
    for (const TokenStep& step : options.text_steps) {
        if (step.kind != TokenStep::Kind::kStrip) throw py::value_error("text_steps may hold 'strip' alone");
    }
    const GilRelease release;
    return std::make_unique<Decoder>(options, vocabulary, tokens);
}

py::list decode(const Decoder& decoder, const Array<TokenId>& values, const Array<std::int64_t>& offsets,
                bool skip_special_tokens) {
    const auto ids = view(values, "values");
    // A copy: another thread may write to the array as soon as the interpreter is let go of.
    const auto given = view(offsets, "offsets");
    const std::vector<std::int64_t> bounds(given.begin(), given.end());
    if (bounds.empty()) throw py::value_error("offsets must not be empty");
    for (std::size_t i = 0; i < bounds.size(); ++i) {
        const bool rises = bounds[i] >= (i == 0 ? 0 : bounds[i - 1]);
        if (!rises || bounds[i] > static_cast<std::int64_t>(ids.size())) {
            throw py::value_error("offsets must rise from 0 to at most " + std::to_string(ids.size()) +
                                  ", offsets[" + std::to_string(i) + "] is " + std::to_string(bounds[i]));
        }
    }
    std::string text;
    std::vector<std::size_t> ends;
    {
        const GilRelease release;
        decoder.decode_rows(ids, bounds, skip_special_tokens, text, ends);
    }
    py::list texts(ends.size());
    for (std::size_t i = 0; i < ends.size(); ++i) {
        const std::size_t begin = i == 0 ? 0 : ends[i - 1];
        texts[i] = py::str(text.data() + begin, ends[i] - begin);
    }
    return texts;
}

}  // namespace

void register_vocabulary(py::module_& m) {
    py::class_<Vocabulary, std::shared_ptr<Vocabulary>>(m, "Vocabulary", py::is_final(),
                                                        "The tokens of a model, by text and by id.")
        .def_static("from_dict", &from_dict, py::arg("ids"), "token -> id")
        .def_static("from_scores", &from_scores, py::arg("pieces"),
                    "(token, log probability) pairs; a token's id is its place.")
        .def("__len__", &Vocabulary::size)
        .def("get", &id_of, py::arg("token"), "The id of a token, None where there is none.")
        .def("token", &token_of, py::arg("id"), "The token of an id, None where there is none.")
        .def_property_readonly("id_bound", &Vocabulary::id_bound, "One more than the largest id.")
        .def_property_readonly("repeats_ids", &Vocabulary::repeats_ids)
        .def_property_readonly("repeats_tokens", &Vocabulary::repeats_tokens)
        .def("canonical_bytes", &canonical, py::arg("merges").none(true),
             "Tokens, ids, scores and merges as bytes that depend on nothing else.");
    py::class_<Merges, std::shared_ptr<Merges>>(m, "Merges", py::is_final(), "The merges of a BPE model.")
        .def(py::init([](const py::list& merges) {
                 StringList sides;
                 read_merges(merges, sides);
                 return Merges{MergeList(std::move(sides)), nullptr};
             }),
             py::arg("merges"), "'left right' or [left, right], in order of rank")
        .def("__len__", [](const Merges& merges) { return merges.list.size(); })
        .def(
            "first_shorter_than", &first_shorter_than, py::arg("mark_bytes"),
            "The first merge whose right side has fewer bytes, or a character across that place; else None.");
    m.def("read_definition", &read, py::arg("json"), py::arg("nearest_scores"),
          "A tokenizer.json -> (the rest of it, with null for what follows; model.vocab; model.merges or "
          "None).");
    m.def(
        "rank_json", &rank_json, py::arg("ranks"),
        "token -> rank of a tiktoken vocabulary -> its vocabulary and merges as JSON, the former without its "
        "closing brace.");
    m.def(
        "rank_model", &rank_model, py::arg("ranks"), py::arg("further"),
        "token -> rank of a tiktoken vocabulary, and further tokens with their ids -> the same as objects.");
    m.def("read_tiktoken", &read_tiktoken, py::arg("file"),
          "The content of a .tiktoken file -> token -> rank; the number of the line that is malformed "
          "instead.");
    py::class_<Decoder>(m, "Decoder", py::is_final(), "Ids to text.")
        .def(py::init(&make_decoder), py::kw_only(), py::arg("vocabulary"), py::arg("added"),
             py::arg("token_steps"), py::arg("byte_fallback"), py::arg("separator"),
             py::arg("replaces_invalid"), py::arg("text_steps"))
        .def("decode", &decode, py::arg("values").noconvert(), py::arg("offsets").noconvert(), py::kw_only(),
             py::arg("skip_special_tokens"), "One str a row.");
}

}  // namespace pypack::bindings
