// Bindings of csrc/core/corpus.

#include "corpus/json_lines.hpp"

#include <pybind11/stl.h>

#include <string>
#include <string_view>
#include <vector>

#include "bindings/common/arrays.hpp"
#include "bindings/common/bytes_view.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"

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

}  // namespace

void register_corpus(py::module_& m) {
    m.def("scan_json_lines", &scan, py::arg("block"), py::arg("field"), py::arg("keep"),
          py::arg("max_line_bytes"));
}

}  // namespace pypack::bindings
