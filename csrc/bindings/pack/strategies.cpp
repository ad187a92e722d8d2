// Bindings of csrc/core/pack: the strategies, each lengths -> arrays of a plan.
#include <pybind11/stl.h>

#include <optional>

#include "bindings/common/arrays.hpp"
#include "bindings/register.hpp"
#include "pack/best_fit/best_fit.hpp"
#include "pack/decompose/decompose.hpp"
#include "pack/best_fit/first_fit.hpp"
#include "pack/best_fit/length_groups.hpp"
#include "pack/in_order/sequential.hpp"
#include "pack/stream/stream.hpp"
#include "bindings/pack/types.hpp"

namespace pypack::bindings {

namespace {

template <typename Strategy>
py::tuple run(const Array<Length>& lengths, Strategy&& strategy) {
    const auto documents = view(lengths, "lengths");
    PlanArrays plan;
    {
        const py::gil_scoped_release release;
        plan = strategy(documents);
    }
    return to_python(std::move(plan));
}

}  // namespace

void register_pack(py::module_& m) {
    register_pack_types(m);
    m.def(
        "pack_concat",
        [](const Array<Length>& lengths, const PackOptions& options, Border border) {
            return run(lengths, [&](auto documents) { return chunk(documents, options, border); });
        },
        py::arg("lengths").noconvert(), py::arg("options"), py::arg("border"));
    m.def(
        "pack_next_fit",
        [](const Array<Length>& lengths, const PackOptions& options) {
            return run(lengths, [&](auto documents) { return next_fit(documents, options); });
        },
        py::arg("lengths").noconvert(), py::arg("options"));
    m.def(
        "pack_pad",
        [](const Array<Length>& lengths, const PackOptions& options) {
            return run(lengths, [&](auto documents) { return pad(documents, options); });
        },
        py::arg("lengths").noconvert(), py::arg("options"));
    m.def(
        "pack_pad_by_length",
        [](const Array<Length>& lengths, const PackOptions& options, std::int64_t group_sequences) {
            return run(lengths,
                       [&](auto documents) { return pad_by_length(documents, options, group_sequences); });
        },
        py::arg("lengths").noconvert(), py::arg("options"), py::arg("group_sequences"));
    m.def(
        "pack_first_fit",
        [](const Array<Length>& lengths, const PackOptions& options) {
            return run(lengths, [&](auto documents) { return first_fit(documents, options); });
        },
        py::arg("lengths").noconvert(), py::arg("options"));
    m.def(
        "pack_histogram",
        [](const Array<Length>& lengths, const PackOptions& options, HistogramPacking packing,
           int num_threads) {
            return run(lengths,
                       [&](auto documents) { return histogram(documents, options, packing, num_threads); });
        },
        py::arg("lengths").noconvert(), py::arg("options"), py::arg("packing"), py::arg("num_threads"));
    m.def(
        "pack_decompose",
        [](const Array<Length>& lengths, const PackOptions& options, const DecomposeOptions& buckets,
           int num_threads) {
            return run(lengths,
                       [&](auto documents) { return decompose(documents, options, buckets, num_threads); });
        },
        py::arg("lengths").noconvert(), py::arg("options"), py::arg("buckets"), py::arg("num_threads"));
    m.def(
        "pack_best_fit",
        [](const Array<Length>& lengths, const PackOptions& options, std::optional<std::uint64_t> seed,
           int num_threads) {
            return run(lengths,
                       [&](auto documents) { return best_fit(documents, options, seed, num_threads); });
        },
        py::arg("lengths").noconvert(), py::arg("options"), py::arg("seed"), py::arg("num_threads"));
    m.def(
        "pack_stream",
        [](const Array<Length>& lengths, const PackOptions& options, std::int64_t buffer_documents,
           std::int64_t buffer_tokens, std::optional<std::uint64_t> seed) {
            return run(lengths, [&](auto documents) {
                return stream(documents, options, {buffer_documents, buffer_tokens}, seed);
            });
        },
        py::arg("lengths").noconvert(), py::arg("options"), py::arg("buffer_documents"),
        py::arg("buffer_tokens"), py::arg("seed"));
    register_balance(m);
    register_pack_index(m);
    register_pack_digits(m);
    register_pack_stream(m);
    register_plan(m);
}

}  // namespace pypack::bindings
