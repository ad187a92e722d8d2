// Bindings of csrc/core/common.
#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "common/fingerprint.hpp"
#include "common/random.hpp"

namespace pypack::bindings {

namespace {

template <typename Integer>
std::uint64_t fingerprint_array(const Array<Integer>& values) {
    const auto numbers = view(values, "values");
    const GilRelease release;
    return fingerprint(numbers);
}

}  // namespace

void register_common(py::module_& m) {
    m.def("fingerprint", &fingerprint_array<std::int32_t>, py::arg("values").noconvert(),
          "64-bit fingerprint of a list of integers, the same for int32 and int64.");
    m.def("fingerprint", &fingerprint_array<std::int64_t>, py::arg("values").noconvert());
    m.def("random_bits", &random_bits, py::arg("seed"), py::arg("purpose"), py::arg("index"),
          "64 random bits, a pure function of the three arguments.");
}

}  // namespace pypack::bindings
