// Bindings of csrc/core/pack/digits.hpp, for the tests of every instruction set: packing does not go through
// them.
#include "pack/decompose/binary_cuts.hpp"
#include "bindings/common/arrays.hpp"
#include "bindings/pack/types.hpp"
#include "bindings/register.hpp"

namespace pypack::bindings {

namespace {

py::tuple select_digit(const Array<Length>& lengths, int bucket, std::int64_t first_document,
                       std::size_t room, const std::string& instructions) {
    const auto documents = view(lengths, "lengths");
    std::vector<std::int64_t> found(room);
    std::vector<Length> starts(room);
    const std::size_t count = pypack::select_digit(documents, bucket, first_document, room, found.data(),
                                                   starts.data(), instructions_named(instructions));
    found.resize(count);
    starts.resize(count);
    return py::make_tuple(to_numpy(std::move(found)), to_numpy(std::move(starts)));
}

py::array_t<std::uint32_t> select_long(const Array<Length>& lengths, Length least,
                                       const std::string& instructions) {
    const auto documents = view(lengths, "lengths");
    std::vector<std::uint32_t> positions(documents.size() + kMostSelectedAtOnce);
    positions.resize(
        pypack::select_long(documents, least, positions.data(), instructions_named(instructions)));
    return to_numpy(std::move(positions));
}

}  // namespace

void register_pack_digits(py::module_& m) {
    m.def("select_digit", &select_digit, py::arg("lengths").noconvert(), py::arg("bucket"),
          py::arg("first_document"), py::arg("room"), py::arg("instructions"));
    m.def("select_long", &select_long, py::arg("lengths").noconvert(), py::arg("least"),
          py::arg("instructions"));
}

}  // namespace pypack::bindings
