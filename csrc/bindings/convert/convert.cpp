// Bindings of csrc/core/convert.
#include <pybind11/stl.h>

#include <string>
#include <string_view>
#include <vector>

#include "bindings/common/arrays.hpp"
#include "bindings/common/bytes_view.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "convert/byte_rows.hpp"
#include "convert/examples.hpp"
#include "convert/pickled_numbers.hpp"
#include "convert/varints.hpp"

namespace pypack::bindings {

namespace {

using Bytes = Array<std::uint8_t>;
using Bounds = Array<std::int64_t>;

py::tuple to_tuple(ByteRows&& rows) {
    return py::make_tuple(to_numpy(std::move(rows.data)), to_numpy(std::move(rows.bounds)));
}

// [(data uint8, bounds int64 [rows + 1])] → one such pair.
py::tuple interleave(const std::vector<std::pair<Bytes, Bounds>>& parts) {
    std::vector<ByteRowsView> views;
    views.reserve(parts.size());
    for (const auto& [data, bounds] : parts) views.push_back({view(data, "data"), view(bounds, "bounds")});
    ByteRows rows;
    {
        const GilRelease release;
        rows = interleave_rows(views);
    }
    return to_tuple(std::move(rows));
}

py::tuple slice(const Bytes& data, const Bounds& starts, const Bounds& lengths) {
    const auto bytes = view(data, "data");
    const auto begins = view(starts, "starts"), sizes = view(lengths, "lengths");
    ByteRows rows;
    {
        const GilRelease release;
        rows = slice_rows(bytes, begins, sizes);
    }
    return to_tuple(std::move(rows));
}

template <typename Number, ByteRows (*kWrite)(std::span<const Number>, std::span<const std::int64_t>)>
py::tuple written(const Array<Number>& values, const Bounds& offsets) {
    const auto numbers = view(values, "values");
    const auto bounds = view(offsets, "offsets");
    ByteRows rows;
    {
        const GilRelease release;
        rows = kWrite(numbers, bounds);
    }
    return to_tuple(std::move(rows));
}

py::tuple varints_read(const Bytes& data, const Bounds& bounds) {
    const ByteRowsView rows{view(data, "data"), view(bounds, "bounds")};
    NumberRows found;
    {
        const GilRelease release;
        found = read_varints(rows);
    }
    return py::make_tuple(to_numpy(std::move(found.values)), to_numpy(std::move(found.offsets)));
}

std::string_view bytes_of(const py::handle& object) {
    char* data = nullptr;
    py::ssize_t size = 0;
    if (PyBytes_AsStringAndSize(object.ptr(), &data, &size) != 0) throw py::error_already_set();
    return {data, static_cast<std::size_t>(size)};
}

// Records and names → (kind, data, bounds) of each name; kind is 0 where there are no records.
py::list examples_read(const py::list& records, const std::vector<std::string>& names) {
    std::vector<std::string_view> texts, wanted(names.begin(), names.end());
    texts.reserve(records.size());
    for (const py::handle record : records) texts.push_back(bytes_of(record));
    std::vector<Feature> found;
    {
        const GilRelease release;
        found = read_examples(texts, wanted);
    }
    py::list features;
    for (Feature& feature : found) {
        features.append(py::make_tuple(feature.kind, to_numpy(std::move(feature.values.data)),
                                       to_numpy(std::move(feature.values.bounds))));
    }
    return features;
}

py::list features_of(const py::bytes& record) {
    py::list names;
    for (const auto& [name, kind] : example_features(bytes_of(record))) {
        names.append(py::make_tuple(py::bytes(name.data(), name.size()), kind));
    }
    return names;
}

// → (values or None, memo, end); memo is -1: not remembered, -2: at the next place.
py::tuple pickled_list(const py::buffer& pickle, std::int64_t at) {
    const BytesView held(pickle);
    const std::string_view bytes = held.bytes();
    if (at < 0 || at > static_cast<std::int64_t>(bytes.size()))
        throw py::index_error("at is not in the pickle");
    PickledList list;
    {
        const GilRelease release;
        list = read_pickled_list(bytes, at);
    }
    py::object values = py::none();
    if (list.kind == PickledList::Kind::kInts) values = to_numpy(std::move(list.ints));
    if (list.kind == PickledList::Kind::kFloats) values = to_numpy(std::move(list.floats));
    if (list.kind == PickledList::Kind::kFlags) {
        values = to_numpy(std::move(list.flags)).attr("view")(py::dtype::of<bool>());
    }
    return py::make_tuple(std::move(values), list.memo, list.end);
}

}  // namespace

void register_convert(py::module_& m) {
    m.def("interleave_rows", &interleave, py::arg("parts"));
    m.def("slice_rows", &slice, py::arg("data").noconvert(), py::arg("starts").noconvert(),
          py::arg("lengths").noconvert());
    m.def("write_varints", &written<std::int64_t, write_varints<std::int64_t>>, py::arg("values").noconvert(),
          py::arg("offsets").noconvert());
    m.def("write_varints", &written<std::int32_t, write_varints<std::int32_t>>, py::arg("values").noconvert(),
          py::arg("offsets").noconvert());
    m.def("read_varints", &varints_read, py::arg("data").noconvert(), py::arg("bounds").noconvert());
    m.def("read_examples", &examples_read, py::arg("records"), py::arg("names"));
    m.def("example_features", &features_of, py::arg("record"));
    m.def("pickle_numbers", &written<std::int64_t, pickle_numbers<std::int64_t>>,
          py::arg("values").noconvert(), py::arg("offsets").noconvert());
    m.def("pickle_numbers", &written<std::int32_t, pickle_numbers<std::int32_t>>,
          py::arg("values").noconvert(), py::arg("offsets").noconvert());
    m.def("pickle_numbers", &written<std::uint8_t, pickle_numbers<std::uint8_t>>,
          py::arg("values").noconvert(), py::arg("offsets").noconvert());
    m.def("read_pickled_list", &pickled_list, py::arg("pickle"), py::arg("at"));
}

}  // namespace pypack::bindings
