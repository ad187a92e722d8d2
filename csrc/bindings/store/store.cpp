// Bindings of csrc/core/store.

#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "common/checked.hpp"
#include "common/interrupt.hpp"
#include "store/encode.hpp"
#include "store/file_sizes.hpp"
#include "store/mask_bits.hpp"
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

// (path of .bin, path of .idx) of each shard, and that of its loss mask ("" for none) → the mapped store.
std::shared_ptr<StoreView> open_store(const std::vector<std::tuple<std::string, std::string>>& paths,
                                      bool one_sequence_per_document, const std::vector<std::string>& masks) {
    if (!masks.empty() && masks.size() != paths.size()) {
        throw py::value_error("masks must have one path a shard");
    }
    const GilRelease release;
    std::vector<Shard> shards;
    shards.reserve(paths.size());
    for (std::size_t i = 0; i < paths.size(); ++i) {
        const auto& [bin, idx] = paths[i];
        shards.emplace_back(bin, idx, one_sequence_per_document, masks.empty() ? "" : masks[i]);
    }
    return std::make_shared<StoreView>(std::move(shards));
}

// Where the shards of a store are that has too many to map all, and what each holds.
std::shared_ptr<StoreView> open_many(const std::vector<std::tuple<std::string, std::string>>& paths,
                                     const std::vector<std::string>& masks,
                                     const std::vector<std::int64_t>& documents,
                                     const std::vector<std::int64_t>& tokens, const std::string& dtype,
                                     std::int64_t most) {
    if (masks.size() != paths.size() || documents.size() != paths.size() || tokens.size() != paths.size()) {
        throw py::value_error("masks, documents and tokens must have one value a shard");
    }
    std::vector<ShardPlace> places;
    places.reserve(paths.size());
    for (std::size_t i = 0; i < paths.size(); ++i) {
        const auto& [bin, idx] = paths[i];
        places.push_back({bin, idx, masks[i], documents[i], tokens[i]});
    }
    return std::make_shared<StoreView>(std::move(places), token_dtype_from_name(dtype),
                                       static_cast<std::size_t>(std::max<std::int64_t>(most, 1)));
}

// What `read` gives of a store. A remote one may wait for it, and other Python threads go on meanwhile; of
// one of this host it takes less time than letting go of the interpreter.
template <typename Read>
auto waited_for(const StoreView& store, const Read& read) {
    if (store.cached_files().empty()) return read();
    const GilRelease release;
    return read();
}

py::array document(const py::object& self, std::int64_t index) {
    const auto& store = self.cast<const StoreView&>();
    const std::int64_t now = look_clock();
    store.look_around(now);
    auto [view, holder] = waited_for(store, [&] { return store.held_document(index, now); });
    if (store.cached(index) != nullptr) {  // what lies in a cache may go
        py::array copy(numpy_dtype(store.dtype()), {static_cast<py::ssize_t>(view.length)}, {}, view.data);
        copy.attr("flags").attr("writeable") = false;
        return copy;
    }
    // The base keeps the mapping alive as long as the array: `self`, or of many shards this one.
    py::object base = self;
    if (holder) {
        auto kept = std::make_unique<std::shared_ptr<const Shard>>(std::move(holder));
        base = py::capsule(kept.get(),
                           [](void* held) { delete static_cast<std::shared_ptr<const Shard>*>(held); });
        (void)kept.release();  // the capsule's
    }
    py::array tokens(numpy_dtype(store.dtype()), {static_cast<py::ssize_t>(view.length)}, {}, view.data,
                     base);
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

// int64 [count]: see file_sizes.
py::array_t<std::int64_t> sizes_of_files(const std::string& folder, const py::bytes& names,
                                         std::int64_t count, int num_threads) {
    if (count < 0) throw py::value_error("count must be at least 0");
    py::array_t<std::int64_t> out(static_cast<py::ssize_t>(count));
    const std::span<std::int64_t> sizes(out.mutable_data(), static_cast<std::size_t>(count));
    const auto joined = static_cast<std::string_view>(names);
    const GilRelease release;
    file_sizes(folder, joined, num_threads, sizes);
    return out;
}

// How many of tokens start .. start + length of each document are learned, by the store's loss mask.
py::array_t<std::int64_t> count_learned(const StoreView& store, const Array<std::int64_t>& documents,
                                        const Array<std::int64_t>& starts,
                                        const Array<std::int64_t>& lengths) {
    const auto document = view(documents, "documents");
    const auto start = view(starts, "starts");
    const auto length = view(lengths, "lengths");
    if (start.size() != document.size() || length.size() != document.size()) {
        throw py::value_error("documents, starts and lengths must have one length");
    }
    py::array_t<std::int64_t> out(static_cast<py::ssize_t>(document.size()));
    std::int64_t* const counts = out.mutable_data();
    const GilRelease release;
    for (std::size_t i = 0; i < document.size(); ++i) {
        check_interrupt_at(i);
        const auto lease = store.lease();
        const DocumentView found = store.bits(document[i], look_clock());
        if (start[i] < 0 || length[i] < 0 || start[i] > found.length || length[i] > found.length - start[i]) {
            throw std::invalid_argument("document " + std::to_string(document[i]) + " has " +
                                        std::to_string(found.length) + " tokens, not " +
                                        std::to_string(start[i]) + " + " + std::to_string(length[i]));
        }
        counts[i] = found.mask == nullptr
                        ? length[i]
                        : MaskBits(found.mask, found.first_bit + start[i], length[i]).count();
    }
    return out;
}

// bool [n]: which of a document's tokens are learned.
py::array_t<bool> document_mask(const StoreView& store, std::int64_t index) {
    const auto lease = store.lease();
    const DocumentView found = waited_for(store, [&] { return store.bits(index, look_clock()); });
    py::array_t<bool> out(found.length);
    bool* const learned = out.mutable_data();
    std::fill_n(learned, found.length, true);
    if (found.mask != nullptr) {
        MaskBits(found.mask, found.first_bit, found.length)
            .for_each_zero_run([&](std::int64_t first, std::int64_t last) {
                std::fill(learned + first, learned + last, false);
            });
    }
    return out;
}

py::bytes packed_mask(const Array<std::uint8_t>& learned, const Array<Offset>& offsets, std::int64_t begins,
                      std::int64_t ends, std::int64_t first_bit, bool begin_bit) {
    const auto flags = view(learned, "learned");
    const auto bounds = view(offsets, "offsets");
    if (bounds.empty() || bounds.front() < 0 || bounds.back() > static_cast<Offset>(flags.size()) ||
        !std::is_sorted(bounds.begin(), bounds.end())) {
        throw py::value_error("offsets must not be empty, must not fall, and must stay within learned");
    }
    if (begins < 0 || ends < 0 || first_bit < 0 || first_bit > 7) throw py::value_error("a negative count");
    std::vector<std::byte> mask;
    {
        const GilRelease release;
        if (std::any_of(flags.begin(), flags.end(), [](std::uint8_t flag) { return flag > 1; })) {
            throw std::invalid_argument("a loss mask holds 0 and 1 alone");
        }
        mask = pack_mask(flags, bounds, begins, ends, first_bit, begin_bit ? 1 : 0);
    }
    return {reinterpret_cast<const char*>(mask.data()), mask.size()};
}

py::array encode(const Array<TokenId>& values, const Array<Offset>& offsets, std::optional<TokenId> end_id,
                 std::int64_t vocab_size, const std::string& dtype_name, std::int64_t first_row,
                 const std::vector<TokenId>& begin_ids, std::vector<TokenId> end_ids) {
    if (end_id) end_ids.push_back(*end_id);
    const auto tokens = view(values, "values");
    const auto bounds = view(offsets, "offsets");
    const TokenDtype dtype = token_dtype_from_name(dtype_name);
    // A slice of a larger Ragged is welcome: the offsets need not begin at 0.
    if (bounds.empty() || bounds.front() < 0 || bounds.back() > static_cast<Offset>(tokens.size()) ||
        !std::is_sorted(bounds.begin(), bounds.end())) {
        throw py::value_error("offsets must not be empty, must not fall, and must stay within values");
    }
    const auto rows = static_cast<std::int64_t>(bounds.size()) - 1;
    const std::int64_t total =
        bounds.back() - bounds.front() + rows * static_cast<std::int64_t>(begin_ids.size() + end_ids.size());
    py::array out(numpy_dtype(dtype), std::vector<py::ssize_t>{static_cast<py::ssize_t>(total)});
    const std::span<std::byte> bytes(static_cast<std::byte*>(out.mutable_data()),
                                     static_cast<std::size_t>(out.nbytes()));
    const GilRelease release;
    encode_documents(tokens, bounds, begin_ids, end_ids, vocab_size, dtype, first_row, bytes);
    return out;
}

}  // namespace

void register_store(py::module_& m) {
    py::classh<StoreView>(m, "StoreView", "The mapped shards of a store under one document numbering.")
        .def(py::init(&open_store), py::arg("paths"), py::arg("one_sequence_per_document"),
             py::arg("masks") = std::vector<std::string>())
        .def_property_readonly("num_documents", &StoreView::num_documents)
        .def_property_readonly("num_tokens", &StoreView::num_tokens)
        .def_property_readonly("dtype",
                               [](const StoreView& self) { return std::string(dtype_name(self.dtype())); })
        .def_property_readonly("shard_documents",
                               [](const StoreView& self) {
                                   std::vector<std::int64_t> counts;
                                   for (std::size_t i = 0; i < self.num_shards(); ++i) {
                                       counts.push_back(self.shard_documents(i));
                                   }
                                   return counts;
                               })
        .def_property_readonly("shard_tokens",
                               [](const StoreView& self) {
                                   std::vector<std::int64_t> counts;
                                   for (std::size_t i = 0; i < self.num_shards(); ++i) {
                                       counts.push_back(self.shard_tokens(i));
                                   }
                                   return counts;
                               })
        .def("document", &document, py::arg("index"),
             "Tokens of one document, a read-only view of the mapping.")
        .def_property_readonly("has_masks", &StoreView::has_masks)
        .def_property_readonly("num_mapped", &StoreView::num_mapped, "Shards that are mapped at the moment.")
        .def_static("of_many", &open_many, py::arg("paths"), py::arg("masks"), py::arg("documents"),
                    py::arg("tokens"), py::arg("dtype"), py::arg("most"),
                    "A store whose shards are mapped when they are asked for, at most so many at once.")
        .def("document_mask", &document_mask, py::arg("index"), "bool [n]: which tokens are learned.")
        .def("count_learned", &count_learned, py::arg("documents").noconvert(), py::arg("starts").noconvert(),
             py::arg("lengths").noconvert(), "int64 [n]: learned tokens in parts of documents.")
        .def("lengths", &lengths, "int32 [D]: tokens of every document, a copy.")
        .def(
            "check_layout",
            [](const StoreView& self) {
                const GilRelease release;
                self.for_each_shard([](const Shard& shard, std::size_t) {
                    shard.check_not_cut();
                    shard.check_layout();
                });
            },
            "Reads every index entry; ValueError names the first that does not fit its .bin.");
    m.def("file_sizes", &sizes_of_files, py::arg("folder"), py::arg("names"), py::arg("count"),
          py::arg("num_threads"),
          "The sizes of files of a folder, -1 where there is none; names have a zero byte between two.");
    m.def("pack_mask", &packed_mask, py::arg("learned").noconvert(), py::arg("offsets").noconvert(),
          py::arg("begins"), py::arg("ends"), py::arg("first_bit"), py::arg("begin_bit") = false,
          "Bits of a loss mask: of each document `begins` 0s (1s with begin_bit), its flags (uint8, 0 or 1), "
          "and `ends` 1s.");
    m.def("encode_documents", &encode, py::arg("values").noconvert(), py::arg("offsets").noconvert(),
          py::arg("end_id"), py::arg("vocab_size"), py::arg("dtype"), py::arg("first_row") = 0,
          py::arg("begin_ids") = std::vector<TokenId>(), py::arg("end_ids") = std::vector<TokenId>(),
          "The rows end to end in the dtype of a .bin, each between begin_ids and end_ids, and followed by "
          "end_id unless that is None.");
}

}  // namespace pypack::bindings
