// Bindings of csrc/core/corpus.

#include "corpus/json_lines.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/common/arrays.hpp"
#include "bindings/common/bytes_view.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "corpus/delimited.hpp"
#include "corpus/json_array.hpp"
#include "corpus/number_lists.hpp"

namespace pypack::bindings {

namespace {

py::tuple scan(const py::buffer& block, const std::string& field, const std::vector<std::string>& keep,
               std::int64_t max_line_bytes) {
    const BytesView view(block);
    JsonDocuments found;
    {
        const GilRelease release;
        found = scan_json_lines(view.bytes(), field, keep, max_line_bytes);
    }
    py::list kept;
    for (const auto& values : found.kept) kept.append(py::bytes(values));
    py::list odd;
    for (const auto& line : found.odd) odd.append(py::make_tuple(line.line, line.begin, line.end));
    return py::make_tuple(to_numpy(std::move(found.text)), to_numpy(std::move(found.text_offsets)),
                          to_numpy(std::move(found.lines)), to_numpy(std::move(found.ends)), kept, odd,
                          found.num_lines);
}

// The lists of numbers that texts spell (data[offsets[i]] .. data[offsets[i + 1]]), None where one spells
// something else: counts int64 [D], numbers uint8 or int64 [N] (none unless `values`), whether flags are
// among them.
py::object number_lists(const Array<std::uint8_t>& data, const Array<std::int64_t>& offsets, bool values) {
    const auto bytes = view(data, "data");
    const auto bounds = view(offsets, "offsets");
    if (bounds.empty() || bounds.front() < 0 || bounds.back() > static_cast<std::int64_t>(bytes.size()) ||
        !std::is_sorted(bounds.begin(), bounds.end())) {
        throw py::value_error("offsets must not be empty, must not fall, and must stay within data");
    }
    NumberLists lists;
    {
        const GilRelease release;
        std::vector<std::string_view> texts;
        texts.reserve(bounds.size() - 1);
        for (std::size_t i = 0; i + 1 < bounds.size(); ++i) {
            texts.emplace_back(reinterpret_cast<const char*>(bytes.data()) + bounds[i],
                               static_cast<std::size_t>(bounds[i + 1] - bounds[i]));
        }
        lists = read_number_lists(texts, values);
    }
    if (!lists.is_known) return py::none();
    py::object numbers = lists.is_small ? py::object(to_numpy(std::move(lists.small)))
                                        : py::object(to_numpy(std::move(lists.wide)));
    return py::make_tuple(to_numpy(std::move(lists.counts)), std::move(numbers), lists.has_flags);
}

// Changes a block in place; the place of the first byte that belongs to no array, -1 if there is none.
std::int64_t change_array(JsonArrayLines& lines, const py::buffer& block) {
    const BytesView view(block, PyBUF_WRITABLE);
    const GilRelease release;
    return lines.change(view.writable());
}

std::int64_t feed_rows(DelimitedReader& reader, const py::buffer& chunk) {
    const BytesView view(chunk);
    const GilRelease release;
    return reader.feed(view.bytes());
}

// ([(cells uint8, offsets int64 [D + 1])] of each column asked for, numbers int64 [D], [(kind, row, size)])
py::tuple take_rows(DelimitedReader& reader) {
    DelimitedRows rows = reader.take();
    py::list columns;
    for (auto& column : rows.columns) {
        columns.append(
            py::make_tuple(to_numpy(std::move(column.cells)), to_numpy(std::move(column.offsets))));
    }
    py::list bad;
    for (const BadRow& row : rows.bad) {
        bad.append(py::make_tuple(static_cast<int>(row.kind), row.row, row.size));
    }
    return py::make_tuple(columns, to_numpy(std::move(rows.numbers)), bad);
}

}  // namespace

void register_corpus(py::module_& m) {
    py::class_<JsonArrayLines>(m, "JsonArrayLines")
        .def(py::init<bool>(), py::arg("inside"))
        .def("change", &change_array, py::arg("block"))
        .def_property_readonly("is_whole", &JsonArrayLines::is_whole);
    py::class_<DelimitedReader>(m, "DelimitedReader")
        .def(py::init([](char delimiter, std::vector<std::int64_t> slots, std::int64_t first_row,
                         std::int64_t max_row_bytes, std::int64_t batch_bytes, std::int64_t batch_rows) {
                 return DelimitedReader(
                     {delimiter, std::move(slots), first_row, max_row_bytes, batch_bytes, batch_rows});
             }),
             py::arg("delimiter"), py::arg("slots"), py::arg("first_row"), py::arg("max_row_bytes"),
             py::arg("batch_bytes"), py::arg("batch_rows"))
        .def("feed", &feed_rows, py::arg("chunk"))
        .def("finish", &DelimitedReader::finish)
        .def("cut_off", &DelimitedReader::cut_off)
        .def("take", &take_rows)
        .def_property_readonly("is_full", &DelimitedReader::is_full)
        .def_property_readonly("num_columns", &DelimitedReader::num_columns)
        .def_property_readonly("next_row", &DelimitedReader::next_row);
    m.def("scan_json_lines", &scan, py::arg("block"), py::arg("field"), py::arg("keep"),
          py::arg("max_line_bytes"));
    m.def("read_number_lists", &number_lists, py::arg("data").noconvert(), py::arg("offsets").noconvert(),
          py::arg("values"));
}

}  // namespace pypack::bindings
