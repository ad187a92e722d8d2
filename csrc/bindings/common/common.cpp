// Bindings of csrc/core/common.
#include <numeric>

#include "bindings/common/arrays.hpp"
#include "bindings/register.hpp"
#include "common/fingerprint.hpp"
#include "common/permutation.hpp"
#include "common/random.hpp"
#include "common/tabled_permutation.hpp"

namespace pypack::bindings {

namespace {

py::array_t<std::int64_t> permute_range(std::uint64_t size, std::uint64_t key, std::uint64_t start,
                                        std::uint64_t stop, const std::string& instructions) {
    if (start > stop || stop > size) {
        throw py::value_error(
            "permute_range: need start <= stop <= size, got start=" + std::to_string(start) +
            " stop=" + std::to_string(stop) + " size=" + std::to_string(size));
    }
    const Permutation permutation(size, key);
    std::vector<std::int64_t> out(stop - start);
    std::iota(out.begin(), out.end(), static_cast<std::int64_t>(start));
    // int64 and uint64 may stand for one another; the images are below 2^63, as sizes are.
    const std::span<std::uint64_t> indices(reinterpret_cast<std::uint64_t*>(out.data()), out.size());
    if (instructions != "tables") {
        const py::gil_scoped_release release;
        permutation.apply(indices, instructions_named(instructions));
    } else if (TabledPermutation::fits(permutation)) {
        TabledPermutation(permutation).apply(indices);
    } else {
        throw py::value_error("tables are for up to 2^24, got " + std::to_string(size));
    }
    return to_numpy(std::move(out));
}

template <typename Integer>
std::uint64_t fingerprint_array(const Array<Integer>& values) {
    const auto numbers = view(values, "values");
    const py::gil_scoped_release release;
    return fingerprint(numbers);
}

}  // namespace

void register_common(py::module_& m) {
    m.def("permute_range", &permute_range, py::arg("size"), py::arg("key"), py::arg("start"), py::arg("stop"),
          py::arg("instructions") = "best",
          "Images of start..stop-1 under the keyed permutation of [0, size): int64 [stop - start].");
    m.def("fingerprint", &fingerprint_array<std::int32_t>, py::arg("values").noconvert(),
          "64-bit fingerprint of a list of integers, the same for int32 and int64.");
    m.def("fingerprint", &fingerprint_array<std::int64_t>, py::arg("values").noconvert());
    m.def("random_bits", &random_bits, py::arg("seed"), py::arg("purpose"), py::arg("index"),
          "64 random bits, a pure function of the three arguments.");
}

}  // namespace pypack::bindings
