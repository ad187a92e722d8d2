// Bindings of csrc/core/common.
#include <numeric>
#include <vector>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "common/fingerprint.hpp"
#include "common/permutation.hpp"
#include "common/random.hpp"

namespace pypack::bindings {

namespace {

template <typename Integer>
std::uint64_t fingerprint_array(const Array<Integer>& values) {
    const auto numbers = view(values, "values");
    const GilRelease release;
    return fingerprint(numbers);
}

py::array_t<std::int64_t> permutation(std::uint64_t size, std::uint64_t key) {
    std::vector<std::int64_t> out(size);
    std::iota(out.begin(), out.end(), std::int64_t{0});
    // int64 and uint64 may stand for one another; the images are below 2^63, as sizes are.
    Permutation(size, key).apply({reinterpret_cast<std::uint64_t*>(out.data()), out.size()});
    return to_numpy(std::move(out));
}

}  // namespace

void register_common(py::module_& m) {
    m.def("fingerprint", &fingerprint_array<std::int32_t>, py::arg("values").noconvert(),
          "64-bit fingerprint of a list of integers, the same for int32 and int64.");
    m.def("fingerprint", &fingerprint_array<std::int64_t>, py::arg("values").noconvert());
    m.def("random_bits", &random_bits, py::arg("seed"), py::arg("purpose"), py::arg("index"),
          "64 random bits, a pure function of the three arguments.");
    m.def("permutation", &permutation, py::arg("size"), py::arg("key"),
          "The keyed permutation of [0, size): int64 [size].");
}

}  // namespace pypack::bindings
