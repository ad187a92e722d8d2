// Bindings of the packing strategies of csrc/core/pack, each lengths -> arrays of a plan.
#include <pybind11/stl.h>

#include <optional>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/pack/types.hpp"
#include "bindings/register.hpp"
#include "pack/best_fit/best_fit.hpp"
#include "pack/best_fit/first_fit.hpp"
#include "pack/best_fit/length_groups.hpp"
#include "pack/decompose/decompose.hpp"
#include "pack/in_order/sequential.hpp"
#include "pack/stream/stream.hpp"

namespace pypack::bindings {

namespace {

using Lengths = std::span<const Length>;

PlanArrays stream_with_buffer(Lengths lengths, const PackOptions& options, std::int64_t buffer_documents,
                              std::int64_t buffer_tokens, std::optional<std::uint64_t> seed) {
    return stream(lengths, options, {buffer_documents, buffer_tokens}, seed);
}

// Python calls a strategy by (lengths, options) and what else it takes, under the names `more`.
template <typename... More, typename... Names>
void add(py::module_& m, const char* name, PlanArrays (*strategy)(Lengths, const PackOptions&, More...),
         Names... more) {
    static_assert(sizeof...(More) == sizeof...(Names));
    m.def(
        name,
        [strategy](const Array<Length>& lengths, const PackOptions& options, More... values) {
            const auto documents = view(lengths, "lengths");
            PlanArrays plan;
            {
                const GilRelease release;
                plan = strategy(documents, options, values...);
            }
            return to_python(std::move(plan));
        },
        py::arg("lengths").noconvert(), py::arg("options"), py::arg(more)...);
}

}  // namespace

void register_pack(py::module_& m) {
    register_pack_types(m);
    register_plan(m);
    register_knots(m);
    add(m, "pack_concat", &concat, "border");
    add(m, "pack_next_fit", &next_fit);
    add(m, "pack_pad", &pad);
    add(m, "pack_pad_by_length", &pad_by_length, "group_sequences");
    add(m, "pack_first_fit", &first_fit);
    add(m, "pack_histogram", &histogram, "packing", "num_threads");
    add(m, "pack_decompose", &decompose, "buckets", "num_threads");
    add(m, "pack_best_fit", &best_fit, "seed", "num_threads");
    add(m, "pack_stream", &stream_with_buffer, "buffer_documents", "buffer_tokens", "seed");
    register_balance(m);
    register_pack_index(m);
    register_pack_stream(m);
    register_pack_pairs(m);
}

}  // namespace pypack::bindings
