// Bindings of the encoder of csrc/core/tokenize: text in as Python or Arrow holds it, ids out as arrays.
#include <pybind11/stl.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <tuple>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "common/interrupt.hpp"
#include "tokenize/encoder.hpp"

namespace pypack::bindings {

namespace {

// content, id, single_word, lstrip, rstrip, normalized, special
using AddedTokenFields = std::tuple<std::string, TokenId, bool, bool, bool, bool, bool>;

std::unique_ptr<Encoder> make_encoder(NormalizerPtr normalizer, PretokenizerPtr pretokenizer, ModelPtr model,
                                      const std::vector<AddedTokenFields>& added_tokens,
                                      std::vector<TokenId> prefix, std::vector<TokenId> suffix,
                                      std::shared_ptr<Vocabulary> vocabulary,
                                      const std::vector<std::pair<bool, std::size_t>>& trims) {
    EncoderParts parts{std::move(normalizer), std::move(pretokenizer), std::move(model),      {},
                       std::move(prefix),     std::move(suffix),       std::move(vocabulary), {}};
    for (const auto& [keeps_prefix_space, num_before] : trims) {
        parts.trims.push_back({keeps_prefix_space, num_before});
    }
    for (const auto& [content, id, single_word, lstrip, rstrip, normalized, special] : added_tokens) {
        if (content.empty()) throw py::value_error("an added token is empty");
        parts.added_tokens.push_back({content, id, single_word, lstrip, rstrip, normalized, special});
    }
    return std::make_unique<Encoder>(std::move(parts));
}

// Offsets int64 [D + 1] and ranges uint32 [M, 2] of the plain parts of D documents.
using PlainArrays = std::optional<std::pair<Array<Offset>, Array<std::uint32_t>>>;

PlainRanges plain_ranges(const PlainArrays& arrays, std::size_t documents) {
    if (!arrays) return {};
    const auto offsets = view(arrays->first, "the offsets of plain parts");
    const auto pairs = view(arrays->second, "plain parts", 2);
    if (arrays->second.shape(1) != 2) throw py::value_error("plain parts must have the shape [n, 2]");
    if (offsets.size() != documents + 1 || offsets.front() != 0 ||
        offsets.back() != static_cast<Offset>(pairs.size() / 2) ||
        !std::is_sorted(offsets.begin(), offsets.end())) {
        throw py::value_error("the offsets of plain parts do not fit the documents or the parts");
    }
    static_assert(sizeof(ByteRange) == 2 * sizeof(std::uint32_t));
    return {offsets, {reinterpret_cast<const ByteRange*>(pairs.data()), pairs.size() / 2}};
}

// return_offsets: the unit of the offsets beside the ids; "" for none.
py::tuple encode(const Encoder& encoder, const std::vector<TextView>& texts, EncodeOptions options,
                 const std::string& return_offsets, const PlainArrays& plain) {
    if (options.num_threads < 1) {
        throw py::value_error("num_threads must be at least 1, got " + std::to_string(options.num_threads));
    }
    if (return_offsets.empty()) {
        EncodedBatch batch;
        {
            const GilRelease release;
            batch = encoder.encode(texts, options);
        }
        return py::make_tuple(to_numpy(std::move(batch.values)), to_numpy(std::move(batch.offsets)),
                              to_numpy(std::move(batch.look_alikes)));
    }
    const auto unit = return_offsets == "byte"   ? OffsetUnit::kByte
                      : return_offsets == "char" ? OffsetUnit::kCharacter
                                                 : throw py::value_error("no unit '" + return_offsets + "'");
    AlignedBatch batch;
    const PlainRanges ranges = plain_ranges(plain, texts.size());
    {
        const GilRelease release;
        batch = encoder.encode_aligned(texts, options, unit, ranges);
    }
    return py::make_tuple(to_numpy(std::move(batch.ids.values)), to_numpy(std::move(batch.ids.offsets)),
                          to_numpy(std::move(batch.ranges)).attr("reshape")(-1, 2));
}

// A str or bytes as it lies in memory. Other bytes-like objects could change while the GIL is released: their
// copies go to `copies`.
TextView view_of(PyObject* text, std::size_t index, std::vector<py::bytes>& copies) {
    if (PyUnicode_Check(text)) {
        const auto size = static_cast<std::size_t>(PyUnicode_GET_LENGTH(text));
        if (PyUnicode_IS_ASCII(text)) return {PyUnicode_DATA(text), size, TextEncoding::kAscii};
        switch (PyUnicode_KIND(text)) {
            case PyUnicode_1BYTE_KIND:
                return {PyUnicode_DATA(text), size, TextEncoding::kLatin1};
            case PyUnicode_2BYTE_KIND:
                return {PyUnicode_DATA(text), size, TextEncoding::kUcs2};
            default:
                return {PyUnicode_DATA(text), size, TextEncoding::kUcs4};
        }
    }
    if (PyBytes_Check(text)) {
        return {PyBytes_AS_STRING(text), static_cast<std::size_t>(PyBytes_GET_SIZE(text)),
                TextEncoding::kUtf8};
    }
    const std::string document = "document " + std::to_string(index);
    if (text == Py_None) {
        throw py::value_error(document + " is null; drop it, or replace it by an empty string");
    }
    if (!PyByteArray_Check(text) && !PyMemoryView_Check(text)) {
        throw py::type_error(document + ": expected str or bytes, got " + Py_TYPE(text)->tp_name);
    }
    copies.push_back(py::reinterpret_steal<py::bytes>(PyBytes_FromObject(text)));
    if (!copies.back()) throw py::error_already_set();
    return view_of(copies.back().ptr(), index, copies);
}

// Documents as they lie in memory, kept there as long as this lasts.
struct HeldTexts {
    explicit HeldTexts(const py::sequence& documents) : held(documents) {
        views.reserve(held.size());
        for (std::size_t i = 0; i < held.size(); ++i) {
            views.push_back(view_of(PyTuple_GET_ITEM(held.ptr(), static_cast<py::ssize_t>(i)), i, copies));
        }
    }

    py::tuple held;  // keeps the documents alive, whatever happens to a list meanwhile
    std::vector<TextView> views;
    std::vector<py::bytes> copies;
};

py::tuple encode_objects(const Encoder& encoder, const py::sequence& documents, bool add_special_tokens,
                         bool split_special_tokens, int num_threads, const std::string& return_offsets,
                         const PlainArrays& plain) {
    const HeldTexts texts(documents);
    return encode(encoder, texts.views, {add_special_tokens, split_special_tokens, num_threads},
                  return_offsets, plain);
}

py::tuple encode_learned(const Encoder& encoder, const py::sequence& documents, int num_threads,
                         const PlainArrays& plain, const PlainArrays& learned) {
    const HeldTexts texts(documents);
    const PlainRanges plain_parts = plain_ranges(plain, texts.views.size());
    const PlainRanges spans = plain_ranges(learned, texts.views.size());
    LearnedBatch batch;
    {
        const GilRelease release;
        batch = encoder.encode_learned(texts.views, {false, false, num_threads}, plain_parts, spans);
    }
    return py::make_tuple(to_numpy(std::move(batch.ids.values)), to_numpy(std::move(batch.ids.offsets)),
                          to_numpy(std::move(batch.learned)));
}

py::tuple bordered(const Encoder& encoder, const std::vector<TextView>& texts, const EncodeOptions& options) {
    BorderedBatch batch;
    {
        const GilRelease release;
        batch = encoder.encode_bordered(texts, options);
    }
    return py::make_tuple(to_numpy(std::move(batch.ids.values)), to_numpy(std::move(batch.ids.offsets)),
                          to_numpy(std::move(batch.ids.look_alikes)), to_numpy(std::move(batch.begins)));
}

template <typename OffsetType>
void append_column(const Array<std::uint8_t>& data, const Array<OffsetType>& offsets,
                   std::vector<TextView>& texts) {
    const auto bytes = view(data, "data");
    const auto bounds = view(offsets, "offsets");
    for (std::size_t i = 0; i + 1 < bounds.size(); ++i) {
        const auto begin = static_cast<std::int64_t>(bounds[i]);
        const auto end = static_cast<std::int64_t>(bounds[i + 1]);
        if (begin < 0 || end < begin || end > static_cast<std::int64_t>(bytes.size())) {
            throw py::value_error("document " + std::to_string(texts.size()) + ": offsets " +
                                  std::to_string(begin) + " to " + std::to_string(end) +
                                  " do not lie in data of " + std::to_string(bytes.size()) + " bytes");
        }
        texts.push_back({bytes.data() + begin, static_cast<std::size_t>(end - begin), TextEncoding::kUtf8});
    }
}

using Columns = std::vector<std::pair<Array<std::uint8_t>, py::array>>;

std::vector<TextView> texts_of(const Columns& columns) {
    std::vector<TextView> texts;
    for (const auto& [data, offsets] : columns) {
        if (py::isinstance<Array<std::int32_t>>(offsets)) {
            append_column<std::int32_t>(data, offsets, texts);
        } else if (py::isinstance<Array<std::int64_t>>(offsets)) {
            append_column<std::int64_t>(data, offsets, texts);
        } else {
            throw py::type_error("offsets must be int32 or int64");
        }
    }
    return texts;
}

py::tuple encode_columns(const Encoder& encoder, const Columns& columns, bool add_special_tokens,
                         bool split_special_tokens, int num_threads, const std::string& return_offsets) {
    return encode(encoder, texts_of(columns), {add_special_tokens, split_special_tokens, num_threads},
                  return_offsets, std::nullopt);
}

// One text in the quickest way: a function of (text, add_special_tokens, split_special_tokens), each by its
// place, that gives the ids, or None for what encode_objects has to look at, errors above all. It is no
// pybind11 function, whose calls take as long as a short text.
constexpr const char* kEncoderCapsule = "pypack.Encoder";
// Of longer texts other threads are not kept waiting.
constexpr std::size_t kLongText = 1024;

PyObject* ids_of(const TextView& text, const Encoder& encoder, const EncodeOptions& options) {
    const EncodedText encoded = [&] {
        if (size_in_bytes(text) < kLongText) return encoder.encode_one(text, options);
        const GilRelease release;
        return encoder.encode_one(text, options);
    }();
    const auto ids = encoded.ids();
    static PyObject* const kDtype = py::dtype::of<TokenId>().release().ptr();
    const auto& numpy = py::detail::npy_api::get();
    py::ssize_t size = static_cast<py::ssize_t>(ids.size());
    Py_INCREF(kDtype);
    PyObject* const array =
        numpy.PyArray_NewFromDescr_(numpy.PyArray_Type_, kDtype, 1, &size, nullptr, nullptr, 0, nullptr);
    if (array == nullptr) throw py::error_already_set();
    if (size > 0) std::memcpy(py::detail::array_proxy(array)->data, ids.data(), ids.size_bytes());
    return array;
}

PyObject* encode_one(PyObject* capsule, PyObject* const* args, Py_ssize_t num_args) {
    const auto* const encoder = static_cast<const Encoder*>(PyCapsule_GetPointer(capsule, kEncoderCapsule));
    if (encoder == nullptr) return nullptr;
    if (num_args != 3 || !(PyUnicode_Check(args[0]) || PyBytes_Check(args[0]))) Py_RETURN_NONE;
    const int adds = PyObject_IsTrue(args[1]);
    const int splits = PyObject_IsTrue(args[2]);
    if (adds < 0 || splits < 0) return nullptr;
    try {
        std::vector<py::bytes> copies;
        return ids_of(view_of(args[0], 0, copies), *encoder, {adds == 1, splits == 1, 1});
    } catch (const Interrupted&) {
        raise_interruption();
        return nullptr;
    } catch (...) {  // the other way says what is wrong
        PyErr_Clear();
        Py_RETURN_NONE;
    }
}

py::object fast_encode(const py::object& encoder) {
    static PyMethodDef definition{"encode_one",
                                  reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&encode_one)),
                                  METH_FASTCALL, "(text, add_special_tokens, split_special_tokens)"};
    const auto* const pointer = encoder.cast<const Encoder*>();
    const auto capsule = py::reinterpret_steal<py::object>(PyCapsule_New(
        const_cast<Encoder*>(pointer), kEncoderCapsule,
        [](PyObject* dying) { Py_XDECREF(static_cast<PyObject*>(PyCapsule_GetContext(dying))); }));
    if (!capsule || PyCapsule_SetContext(capsule.ptr(), encoder.ptr()) != 0) throw py::error_already_set();
    Py_INCREF(encoder.ptr());  // the capsule keeps it alive
    auto function = py::reinterpret_steal<py::object>(PyCFunction_New(&definition, capsule.ptr()));
    if (!function) throw py::error_already_set();
    return function;
}

}  // namespace

void register_tokenize(py::module_& m) {
    py::class_<Encoder> cls(m, "Encoder", py::is_final(), "Documents to ids.");
    cls.def(py::init(&make_encoder), py::kw_only(), py::arg("normalizer").none(true),
            py::arg("pretokenizer").none(true), py::arg("model").none(false), py::arg("added_tokens"),
            py::arg("prefix"), py::arg("suffix"), py::arg("vocabulary").none(true), py::arg("trims"));
    cls.def(
        "encode_objects", &encode_objects, py::arg("documents"), py::kw_only(), py::arg("add_special_tokens"),
        py::arg("split_special_tokens"), py::arg("num_threads"), py::arg("return_offsets") = "",
        py::arg("plain") = py::none(),
        "str or bytes documents -> (values uint32 [N], offsets int64 [D + 1], look_alikes uint32 [K]: the "
        "documents in which special tokens are text, each as often as it spells one); with return_offsets "
        "'byte' or 'char' instead of the last what each id stands for: uint32 [N, 2]. plain, with "
        "return_offsets: (offsets int64 "
        "[D + 1], ranges uint32 [M, 2]) of the parts in which special tokens are text.");
    cls.def(
        "encode_learned", &encode_learned, py::arg("documents"), py::kw_only(), py::arg("num_threads"),
        py::arg("plain"), py::arg("learned"),
        "(values uint32 [N], offsets int64 [D + 1], learned uint8 [N]): ids, and 1 where one meets a learned "
        "span of its document. plain, as above, and learned are ranges of characters.");
    cls.def(
        "encode_bordered",
        [](const Encoder& encoder, const py::sequence& documents, bool split_special_tokens,
           int num_threads) {
            const HeldTexts texts(documents);
            return bordered(encoder, texts.views, {false, split_special_tokens, num_threads});
        },
        py::arg("documents"), py::kw_only(), py::arg("split_special_tokens"), py::arg("num_threads"),
        "(values uint32 [N], offsets int64 [D + 1], look_alikes uint32 [K], begins uint8 [N]): as "
        "encode_objects, and 1 where a word begins.");
    cls.def(
        "encode_bordered_columns",
        [](const Encoder& encoder, const Columns& columns, bool split_special_tokens, int num_threads) {
            return bordered(encoder, texts_of(columns), {false, split_special_tokens, num_threads});
        },
        py::arg("columns"), py::kw_only(), py::arg("split_special_tokens"), py::arg("num_threads"),
        "The same of (bytes uint8, offsets int32 or int64) pairs.");
    cls.def(
        "prepare",
        [](const Encoder& encoder) {
            const GilRelease release;
            encoder.prepare();
        },
        "Makes what the first call would make otherwise.");
    cls.def("fast_encode", &fast_encode,
            "A function (text, add_special_tokens, split_special_tokens) -> uint32 [n], or None for what "
            "encode_objects has to look at.");
    cls.def("encode_columns", &encode_columns, py::arg("columns"), py::kw_only(),
            py::arg("add_special_tokens"), py::arg("split_special_tokens"), py::arg("num_threads"),
            py::arg("return_offsets") = "",
            "(bytes uint8, offsets int32 or int64) pairs, as Arrow holds strings -> the same.");
}

}  // namespace pypack::bindings
