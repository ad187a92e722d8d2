// Bindings of csrc/core/common.
#include <cerrno>
#include <system_error>
#include <utility>

#include "bindings/common/arrays.hpp"
#include "bindings/common/bytes_view.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "common/crc32c.hpp"
#include "common/early_writing.hpp"
#include "common/fingerprint.hpp"
#include "common/random.hpp"
#include "common/sequence_hash.hpp"
#include "common/summed_write.hpp"
#include "common/text_hash.hpp"

namespace pypack::bindings {

namespace {

template <typename Integer>
std::uint64_t fingerprint_array(const Array<Integer>& values) {
    const auto numbers = view(values, "values");
    const GilRelease release;
    return fingerprint(numbers);
}

std::pair<std::uint64_t, std::uint64_t> hash_of_lengths(const Array<std::int32_t>& lengths) {
    const auto numbers = view(lengths, "lengths");
    const GilRelease release;
    const auto [first, second] = sequence_hash(numbers);
    return {first, second};
}

py::array hashes_of_texts(const py::buffer& bytes, const Array<std::int64_t>& offsets) {
    const BytesView data(bytes);
    const auto bounds = view(offsets, "offsets");
    if (bounds.empty()) throw py::value_error("offsets must have one value more than there are texts");
    Buffer<std::uint64_t> hashes(static_cast<std::int64_t>(bounds.size()) - 1);
    {
        const GilRelease release;
        const auto all = data.bytes();
        text_hashes({reinterpret_cast<const std::uint8_t*>(all.data()), all.size()}, bounds, hashes.view());
    }
    return to_numpy(std::move(hashes));
}

std::uint32_t crc32c_of(const py::buffer& data, std::uint32_t before) {
    const BytesView view(data);
    const GilRelease release;
    return crc32c(view.bytes(), before);
}

std::uint32_t crc32c_portable_of(const py::buffer& data, std::uint32_t before) {
    const BytesView view(data);
    return crc32c_portable(view.bytes(), before);
}

void begin_writing_of(int descriptor, std::int64_t begin, std::int64_t size) {
    const GilRelease release;
    begin_writing(descriptor, begin, size);
}

// What a disk does not take is an OSError with the system's number.
template <typename Do>
auto on_disk(const Do& act) {
    try {
        const GilRelease release;
        return act();
    } catch (const std::system_error& error) {
        errno = error.code().value();
    }
    PyErr_SetFromErrno(PyExc_OSError);
    throw py::error_already_set();
}

std::uint32_t write_summed_of(int descriptor, const py::buffer& data, std::int64_t at, std::uint32_t before) {
    const BytesView view(data);
    return on_disk([&] { return write_summed(descriptor, view.bytes(), at, before); });
}

void make_file_room_of(int descriptor, std::int64_t at, std::int64_t size) {
    on_disk([&] { make_file_room(descriptor, at, size); });
}

}  // namespace

void register_common(py::module_& m) {
    m.def("fingerprint", &fingerprint_array<std::int32_t>, py::arg("values").noconvert(),
          "64-bit fingerprint of a list of integers, the same for int32 and int64.");
    m.def("fingerprint", &fingerprint_array<std::int64_t>, py::arg("values").noconvert());
    m.def("crc32c", &crc32c_of, py::arg("data"), py::arg("before") = 0,
          "CRC-32C of bytes that follow those whose checksum is `before`.");
    m.def("crc32c_join", &crc32c_join, py::arg("first"), py::arg("second"), py::arg("second_bytes"),
          "CRC-32C of bytes end to end, from those of the first and of the `second_bytes` behind them.");
    m.def("crc32c_portable", &crc32c_portable_of, py::arg("data"), py::arg("before") = 0,
          "The same without the processor's own instruction.");
    m.def("begin_writing", &begin_writing_of, py::arg("descriptor"), py::arg("begin"), py::arg("size"),
          "Asks the system to begin writing bytes of a file to its disk, without waiting.");
    m.def("write_summed", &write_summed_of, py::arg("descriptor"), py::arg("data"), py::arg("at"),
          py::arg("before") = 0,
          "Writes bytes into an open file from `at` on; CRC-32C of bytes that follow those of `before`.");
    m.def("make_file_room", &make_file_room_of, py::arg("descriptor"), py::arg("at"), py::arg("size"),
          "Has the system find the room for bytes of an open file at once, where it can.");
    m.def("sequence_hash", &hash_of_lengths, py::arg("lengths").noconvert(),
          "Two polynomials of a list of lengths modulo 2^61 - 1; those of a list follow from its parts.");
    m.def("text_hashes", &hashes_of_texts, py::arg("bytes"), py::arg("offsets").noconvert(),
          "uint64 [n]: hashes of texts that lie end to end, by n + 1 offsets.");
    m.attr("HASH_POINTS") = py::make_tuple(kHashPoints[0], kHashPoints[1]);
    m.def("random_bits", &random_bits, py::arg("seed"), py::arg("purpose"), py::arg("index"),
          "64 random bits, a pure function of the three arguments.");
}

}  // namespace pypack::bindings
