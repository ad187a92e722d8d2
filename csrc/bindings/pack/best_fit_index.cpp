// Bindings of csrc/core/pack/best_fit/best_fit_index.hpp.
#include "pack/best_fit/best_fit_index.hpp"
#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/pack/types.hpp"
#include "bindings/register.hpp"

namespace pypack::bindings {

namespace {

// wide: int64 indices; the caller chooses them where int32 does not hold the number of documents.
template <typename Id>
py::tuple sequence_of(const Array<Length>& lengths, const PackOptions& options, int num_threads) {
    const auto documents = view(lengths, "lengths");
    SequenceOfDocuments<Id> result;
    {
        const GilRelease release;
        result = best_fit_sequence_of<Id>(documents, options, num_threads);
    }
    return py::make_tuple(to_numpy(std::move(result.sequence)), result.num_sequences);
}

template <typename Id>
py::tuple documents_of(const Array<Length>& lengths, const PackOptions& options, int num_threads) {
    const auto documents = view(lengths, "lengths");
    DocumentsOfSequences<Id> result;
    {
        const GilRelease release;
        result = best_fit_documents<Id>(documents, options, num_threads);
    }
    return py::make_tuple(to_numpy(std::move(result.offsets)), to_numpy(std::move(result.documents)));
}

}  // namespace

void register_pack_index(py::module_& m) {
    m.def(
        "best_fit_sequence_of",
        [](const Array<Length>& lengths, const PackOptions& options, int num_threads, bool wide) {
            return wide ? sequence_of<std::int64_t>(lengths, options, num_threads)
                        : sequence_of<std::int32_t>(lengths, options, num_threads);
        },
        py::arg("lengths").noconvert(), py::arg("options"), py::arg("num_threads"), py::arg("wide"));
    m.def(
        "best_fit_documents",
        [](const Array<Length>& lengths, const PackOptions& options, int num_threads, bool wide) {
            return wide ? documents_of<std::int64_t>(lengths, options, num_threads)
                        : documents_of<std::int32_t>(lengths, options, num_threads);
        },
        py::arg("lengths").noconvert(), py::arg("options"), py::arg("num_threads"), py::arg("wide"));
}

}  // namespace pypack::bindings
