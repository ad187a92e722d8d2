// Bindings of what chooses documents of a store.
#include <string>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "store/chosen_documents.hpp"

namespace pypack::bindings {

namespace {

py::array_t<std::int64_t> chosen_documents(const Array<bool>& mask, int num_threads,
                                           const std::string& instructions) {
    const auto bytes = view(mask, "mask");
    Buffer<std::int64_t> documents;
    {
        const GilRelease release;
        documents = documents_of_mask({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
                                      num_threads, instructions_named(instructions));
    }
    return to_numpy(std::move(documents));
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
    m.def("chosen_documents", &chosen_documents, py::arg("mask").noconvert(), py::arg("num_threads"),
          py::arg("instructions") = "best",
          "Where a mask, bool [D], is true: int64 [n], rising. instructions: 'best', 'portable', 'avx2' or "
          "'avx512'.");
    m.def("chosen_lengths", &chosen_lengths, py::arg("lengths").noconvert(), py::arg("documents").noconvert(),
          py::arg("num_threads"), "lengths[documents], int32 [n].");
}

}  // namespace pypack::bindings
