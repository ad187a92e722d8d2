// Bindings of csrc/core/store.

#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "common/checked.hpp"
#include "store/encode.hpp"
#include "store/shard.hpp"
#include "store/store_view.hpp"

namespace pypack::bindings {

namespace {

py::dtype numpy_dtype(TokenDtype dtype) {
    return py::dtype(std::string(dtype_name(dtype)));
}

TokenDtype token_dtype_from_name(const std::string& name) {
    for (const auto dtype : {TokenDtype::kUint8, TokenDtype::kInt8, TokenDtype::kInt16, TokenDtype::kUint16,
                             TokenDtype::kInt32, TokenDtype::kInt64}) {
        if (dtype_name(dtype) == name) return dtype;
    }
    throw py::value_error("dtype must be an integer type of Megatron-Core, got " + name);
}

// (path of .bin, path of .idx) of each shard → the mapped store.
std::shared_ptr<StoreView> open_store(const std::vector<std::tuple<std::string, std::string>>& paths,
                                      bool one_sequence_per_document) {
    const GilRelease release;
    std::vector<Shard> shards;
    shards.reserve(paths.size());
    for (const auto& [bin, idx] : paths) shards.emplace_back(bin, idx, one_sequence_per_document);
    return std::make_shared<StoreView>(std::move(shards));
}

py::array document(const py::object& self, std::int64_t index) {
    const auto& store = self.cast<const StoreView&>();
    const std::int64_t now = look_clock();
    store.look_around(now);
    const DocumentView view = store.document(index, now);
    // `self` as the base keeps the mapping alive as long as the array.
    py::array tokens(numpy_dtype(store.dtype()), {static_cast<py::ssize_t>(view.length)}, {}, view.data,
                     self);
    tokens.attr("flags").attr("writeable") = false;
    return tokens;
}

py::array_t<Length> lengths(const StoreView& store) {
    py::array_t<Length> out(store.num_documents());
    const std::span<Length> values(out.mutable_data(), static_cast<std::size_t>(store.num_documents()));
    const GilRelease release;
    store.copy_lengths(values);
    return out;
}

py::array encode(const Array<TokenId>& values, const Array<Offset>& offsets, std::optional<TokenId> end_id,
                 std::int64_t vocab_size, const std::string& dtype_name, std::int64_t first_row) {
    const auto tokens = view(values, "values");
    const auto bounds = view(offsets, "offsets");
    const TokenDtype dtype = token_dtype_from_name(dtype_name);
    // A slice of a larger Ragged is welcome: the offsets need not begin at 0.
    if (bounds.empty() || bounds.front() < 0 || bounds.back() > static_cast<Offset>(tokens.size()) ||
        !std::is_sorted(bounds.begin(), bounds.end())) {
        throw py::value_error("offsets must not be empty, must not fall, and must stay within values");
    }
    const auto rows = static_cast<std::int64_t>(bounds.size()) - 1;
    const std::int64_t total = bounds.back() - bounds.front() + (end_id ? rows : 0);
    py::array out(numpy_dtype(dtype), std::vector<py::ssize_t>{static_cast<py::ssize_t>(total)});
    const std::span<std::byte> bytes(static_cast<std::byte*>(out.mutable_data()),
                                     static_cast<std::size_t>(out.nbytes()));
    const GilRelease release;
    encode_documents(tokens, bounds, end_id, vocab_size, dtype, first_row, bytes);
    return out;
}

}  // namespace

void register_store(py::module_& m) {
    py::classh<StoreView>(m, "StoreView", "The mapped shards of a store under one document numbering.")
        .def(py::init(&open_store), py::arg("paths"), py::arg("one_sequence_per_document"))
        .def_property_readonly("num_documents", &StoreView::num_documents)
        .def_property_readonly("num_tokens", &StoreView::num_tokens)
        .def_property_readonly("dtype",
                               [](const StoreView& self) { return std::string(dtype_name(self.dtype())); })
        .def_property_readonly("shard_documents",
                               [](const StoreView& self) {
                                   std::vector<std::int64_t> counts;
                                   for (const Shard& s : self.shards()) counts.push_back(s.num_documents());
                                   return counts;
                               })
        .def_property_readonly("shard_tokens",
                               [](const StoreView& self) {
                                   std::vector<std::int64_t> counts;
                                   for (const Shard& s : self.shards()) counts.push_back(s.num_tokens());
                                   return counts;
                               })
        .def("document", &document, py::arg("index"),
             "Tokens of one document, a read-only view of the mapping.")
        .def("lengths", &lengths, "int32 [D]: tokens of every document, a copy.")
        .def(
            "check_layout",
            [](const StoreView& self) {
                const GilRelease release;
                self.check_not_cut();
                for (const Shard& shard : self.shards()) shard.check_layout();
            },
            "Reads every index entry; ValueError names the first that does not fit its .bin.");
    m.def("encode_documents", &encode, py::arg("values").noconvert(), py::arg("offsets").noconvert(),
          py::arg("end_id"), py::arg("vocab_size"), py::arg("dtype"), py::arg("first_row") = 0,
          "The rows end to end in the dtype of a .bin, each followed by end_id unless that is None.");
}

}  // namespace pypack::bindings
