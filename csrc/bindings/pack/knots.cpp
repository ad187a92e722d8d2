// Bindings of csrc/core/pack/knots.
#include "pack/knots/knots.hpp"

#include <pybind11/stl.h>

#include <string>
#include <utility>
#include <vector>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/pack/plan.hpp"
#include "bindings/pack/types.hpp"

namespace pypack::bindings {

namespace {

KnotOptions knot_options(std::uint64_t seed, std::vector<std::uint64_t> kinds,
                         std::vector<std::uint64_t> chunks, std::size_t num_chunks, bool equal_cuts,
                         bool keep_order, bool interleave, std::vector<std::int32_t> knots,
                         std::vector<std::int32_t> marks, std::vector<std::int32_t> letters,
                         std::int64_t name_length, std::int64_t chunk_size,
                         std::vector<std::int32_t> brackets, std::vector<std::vector<std::int32_t>> numbers) {
    KnotOptions options;
    options.seed = seed;
    options.kinds = std::move(kinds);
    options.chunks = std::move(chunks);
    options.num_chunks = num_chunks;
    options.equal_cuts = equal_cuts;
    options.keep_order = keep_order;
    options.interleave = interleave;
    options.knots = std::move(knots);
    options.marks = std::move(marks);
    options.letters = std::move(letters);
    options.name_length = name_length;
    options.chunk_size = chunk_size;
    options.brackets = std::move(brackets);
    options.numbers = std::move(numbers);
    options.validate();
    return options;
}

py::tuple tie(const PlanHandle& plan, const KnotOptions& options, Length capacity) {
    KnottedPlan tied;
    {
        const GilRelease release;
        tied = tie_knots(plan.plan(), options, capacity);
    }
    py::dict counts;
    counts["cut_spans"] = tied.counts.cut_spans;
    counts["chunks"] = tied.counts.chunks;
    counts["left_whole"] = tied.counts.left_whole;
    return py::make_tuple(to_python(std::move(tied.plan)), to_numpy(std::move(tied.literal_offsets)),
                          to_numpy(std::move(tied.literal_tokens)), to_numpy(std::move(tied.literal_learned)),
                          std::move(counts));
}

}  // namespace

void register_knots(py::module_& m) {
    py::classh<KnotOptions>(m, "KnotOptions",
                            "How the spans of sequences are cut; chances * 2^32, summed up.")
        .def(py::init(&knot_options), py::kw_only(), py::arg("seed"), py::arg("kinds"), py::arg("chunks"),
             py::arg("num_chunks"), py::arg("equal_cuts"), py::arg("keep_order"), py::arg("interleave"),
             py::arg("knots"), py::arg("marks"), py::arg("letters"), py::arg("name_length"),
             py::arg("chunk_size"), py::arg("brackets"), py::arg("numbers"))
        .def("literals_of", &KnotOptions::literals_of, py::arg("parts"), py::arg("sized") = false);
    m.def("tie_knots", &tie, py::arg("plan"), py::arg("options"), py::arg("capacity"),
          "The arrays of the plan, literal_offsets, literal_tokens, literal_learned, and counts.");
}

}  // namespace pypack::bindings
