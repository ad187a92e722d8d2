// Bindings of what chooses documents of a store.
#include <string>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "store/chosen_documents.hpp"
#include "store/document_set.hpp"

namespace pypack::bindings {

namespace {

std::span<const std::uint8_t> bytes_of(const Array<bool>& mask) {
    const auto bools = view(mask, "mask");
    return {reinterpret_cast<const std::uint8_t*>(bools.data()), bools.size()};
}

DocumentSet set_of(const Array<bool>& mask, int num_threads, const std::string& instructions) {
    const auto bytes = bytes_of(mask);
    const Instructions chosen = instructions_named(instructions);
    const GilRelease release;
    return DocumentSet(bytes, num_threads, chosen);
}

py::array_t<std::int64_t> documents_in(const DocumentSet& set, int num_threads) {
    Buffer<std::int64_t> documents;
    {
        const GilRelease release;
        documents = set.documents(num_threads);
    }
    return to_numpy(std::move(documents));
}

py::tuple lengths_in(const DocumentSet& set, const Array<Length>& lengths, int num_threads) {
    const auto all = view(lengths, "lengths");
    DocumentSet::Lengths chosen;
    {
        const GilRelease release;
        chosen = set.lengths(all, num_threads);
    }
    return py::make_tuple(to_numpy(std::move(chosen.lengths)),
                          py::make_tuple(chosen.hash[0], chosen.hash[1]));
}

py::array_t<Length> chosen_lengths(const Array<Length>& lengths, const Array<std::int64_t>& documents,
                                   int num_threads) {
    const auto all = view(lengths, "lengths");
    const auto numbers = view(documents, "documents");
    Buffer<Length> chosen;
    {
        const GilRelease release;
        chosen = lengths_of(all, numbers, num_threads);
    }
    return to_numpy(std::move(chosen));
}

}  // namespace

void register_chosen(py::module_& m) {
    py::class_<DocumentSet>(m, "DocumentSet", "Documents of a store, a bit each.")
        .def(
            py::init(&set_of), py::arg("mask").noconvert(), py::arg("num_threads"),
            py::arg("instructions") = "best",
            "Those of which a mask, bool [D], is true. instructions: 'best', 'portable', 'avx2' or 'avx512'.")
        .def("__len__", &DocumentSet::count, "How many they are.")
        .def("documents", &documents_in, py::arg("num_threads"), "Their numbers: int64 [n], rising.")
        .def(
            "lengths", &lengths_in, py::arg("lengths").noconvert(), py::arg("num_threads"),
            "Of the lengths of all documents, int32 [D], theirs: int32 [n], and the sequence_hash of these.");
    m.def("chosen_lengths", &chosen_lengths, py::arg("lengths").noconvert(), py::arg("documents").noconvert(),
          py::arg("num_threads"), "lengths[documents], int32 [n].");
}

}  // namespace pypack::bindings
