// Bindings of the normalizers of csrc/core/tokenize.
#include <pybind11/stl.h>

#include <array>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "tokenize/normalize/normalizer.hpp"

namespace pypack::bindings {

namespace {

NormalizerPtr normalization_form(const std::string& name) {
    constexpr std::array kNames{"NFD", "NFKD", "NFC", "NFKC"};
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (name == kNames[i]) return make_normalization_form(static_cast<unicode::NormalizationForm>(i));
    }
    throw py::value_error("form must be NFC, NFD, NFKC or NFKD, got '" + name + "'");
}

NormalizerPtr replace_runs(const std::string& characters, std::size_t min_length, std::string content) {
    if (characters != " " && characters != "\\s") {
        throw py::value_error("characters must be ' ' or '\\s', got '" + characters + "'");
    }
    const RunOf run_of = characters == " " ? RunOf::kSpace : RunOf::kWhitespace;
    return make_replace_runs_normalizer(run_of, min_length, std::move(content));
}

std::string normalize(const Normalizer& normalizer, const std::string& text) {
    std::string out;
    const GilRelease release;
    return normalizer.normalize(text, out) ? out : text;
}

py::tuple normalize_aligned(const Normalizer& normalizer, const std::string& text) {
    std::string out;
    Alignment alignment;
    {
        const GilRelease release;
        const Alignment identity = identity_alignment(text);
        if (!normalizer.normalize_aligned(text, identity, out, alignment)) {
            out = text;
            alignment = identity;
        }
    }
    const auto num_bytes = static_cast<py::ssize_t>(alignment.size());
    py::array_t<std::uint32_t> ranges({num_bytes, py::ssize_t{2}});
    auto* data = ranges.mutable_data();
    for (const ByteRange& range : alignment) {
        *data++ = range.start;
        *data++ = range.end;
    }
    return py::make_tuple(out, ranges);
}

}  // namespace

void register_normalizers(py::module_& m) {
    py::class_<Normalizer, std::shared_ptr<Normalizer>> cls(m, "Normalizer", py::is_final(),
                                                            "A normalizer of tokenizer.json.");
    cls.def_static(
        "bert",
        [](bool clean_text, bool handle_chinese_chars, bool strip_accents, bool lowercase) {
            return make_bert_normalizer({clean_text, handle_chinese_chars, strip_accents, lowercase});
        },
        py::kw_only(), py::arg("clean_text"), py::arg("handle_chinese_chars"), py::arg("strip_accents"),
        py::arg("lowercase"));
    cls.def_static("form", &normalization_form, py::arg("name"), "NFC, NFD, NFKC or NFKD.");
    cls.def_static("lowercase", &make_lowercase_normalizer);
    cls.def_static("nmt", &make_nmt_normalizer);
    cls.def_static(
        "precompiled",
        [](const py::bytes& charsmap) { return make_precompiled_normalizer(std::string_view(charsmap)); },
        py::arg("charsmap"), "charsmap: what tokenizer.json holds in base64.");
    cls.def_static("prepend", &make_prepend_normalizer, py::arg("prefix"));
    cls.def_static("replace", &make_replace_normalizer, py::arg("pattern"), py::arg("content"));
    cls.def_static("replace_runs", &replace_runs, py::arg("characters"), py::arg("min_length"),
                   py::arg("content"),
                   "Each run of at least min_length `characters` (' ' or '\\\\s') becomes content.");
    cls.def_static(
        "sentencepiece",
        [](const py::bytes& charsmap, bool add_dummy_prefix, bool remove_extra_whitespaces,
           bool escape_whitespaces, bool treat_whitespace_as_suffix, std::vector<std::string> user_defined) {
            return make_sentencepiece_normalizer({std::string(charsmap), add_dummy_prefix,
                                                  remove_extra_whitespaces, escape_whitespaces,
                                                  treat_whitespace_as_suffix, std::move(user_defined)});
        },
        py::kw_only(), py::arg("charsmap"), py::arg("add_dummy_prefix"), py::arg("remove_extra_whitespaces"),
        py::arg("escape_whitespaces"), py::arg("treat_whitespace_as_suffix"), py::arg("user_defined"),
        "As the `sentencepiece` library normalizes.");
    cls.def_static("sequence", &make_normalizer_sequence, py::arg("steps"));
    cls.def_static("strip", &make_strip_normalizer, py::kw_only(), py::arg("left"), py::arg("right"));
    cls.def_static("strip_accents", &make_strip_accents_normalizer);
    cls.def("normalize", &normalize, py::arg("text"));
    cls.def("normalize_aligned", &normalize_aligned, py::arg("text"),
            "The normalized text, and for each of its bytes the [start, end) of the bytes of `text` that it "
            "came from: uint32 [n, 2].");
}

}  // namespace pypack::bindings
