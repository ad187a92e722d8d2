// Bindings of csrc/core/schedule.
#include <pybind11/stl.h>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "schedule/curriculum.hpp"
#include "schedule/mixture_stream.hpp"

namespace pypack::bindings {

namespace {

using Kernel = std::vector<std::uint8_t> (*)(std::span<const std::int64_t>, std::span<const std::uint64_t>,
                                             std::int64_t, std::uint64_t);

template <Kernel kernel>
py::array_t<std::uint8_t> cycles(const std::vector<std::int64_t>& steps,
                                 const std::vector<std::uint64_t>& odds, std::int64_t num_cycles,
                                 std::uint64_t key) {
    std::vector<std::uint8_t> buckets;
    {
        const GilRelease release;
        buckets = kernel(steps, odds, num_cycles, key);
    }
    return to_numpy(std::move(buckets));
}

}  // namespace

void register_schedule(py::module_& m) {
    m.def("sample_cycles", &cycles<&sample_cycles>, py::arg("steps"), py::arg("odds"), py::arg("cycles"),
          py::arg("key"), "The bucket of each step, drawn with odds without replacement: uint8.");
    m.def("subcycle_cycles", &cycles<&subcycle_cycles>, py::arg("steps"), py::arg("odds"), py::arg("cycles"),
          py::arg("key"), "The bucket of each step, by OLMo-core's sub-cycles: uint8.");
    py::classh<BucketSequence>(m, "BucketSequence", "A bucket for every step, and how often it came before.")
        .def(py::init([](const Array<std::uint8_t>& buckets, std::int64_t num_buckets) {
                 const auto values = view(buckets, "buckets");
                 return BucketSequence({values.begin(), values.end()}, num_buckets);
             }),
             py::arg("buckets").noconvert(), py::arg("num_buckets"))
        .def("bucket", &BucketSequence::bucket, py::arg("step"))
        .def("visits", &BucketSequence::visits, py::arg("step"), py::arg("bucket"));
    py::classh<MixtureStream>(m, "MixtureStream", "Rows dealt to sources by weight, exactly.")
        .def(py::init<std::int64_t>(), py::arg("num_sources"))
        .def(py::init<MixtureStream&, std::int64_t>(), py::arg("past"), py::arg("visit"))
        .def(py::init([](std::vector<std::int64_t> drawn, const std::vector<std::int64_t>& ahead,
                         std::int64_t visit) { return MixtureStream(std::move(drawn), ahead, visit); }),
             py::arg("drawn"), py::arg("ahead"), py::arg("visit"))
        .def_property_readonly_static("UNITS", [](const py::object&) { return MixtureStream::kUnits; })
        .def_property_readonly_static("ENDLESS", [](const py::object&) { return MixtureStream::kEndless; })
        .def(
            "add_segment",
            [](MixtureStream& self, std::int64_t visits, std::int64_t rows,
               const std::vector<std::int64_t>& start,
               const std::vector<std::int64_t>& end) { self.add_segment(visits, rows, start, end); },
            py::arg("visits"), py::arg("rows"), py::arg("start"), py::arg("end"))
        .def_property_readonly("visits", &MixtureStream::visits)
        .def("copy", [](const MixtureStream& self) { return self; })
        .def("drawn", &MixtureStream::drawn, py::arg("visit"))
        .def("ahead", &MixtureStream::ahead, py::arg("visit"))
        .def("first_reaching", &MixtureStream::first_reaching, py::arg("source"), py::arg("count"))
        .def("target", &MixtureStream::target, py::arg("source"), py::arg("visit"));
}

}  // namespace pypack::bindings
