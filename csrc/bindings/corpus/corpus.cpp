// Bindings of csrc/core/corpus.

#include "corpus/json_lines.hpp"

#include <pybind11/stl.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"

namespace pypack::bindings {

namespace {

// The bytes of an object with the buffer protocol, which cannot be resized as long as this lives.
class BytesView {
  public:
    explicit BytesView(const py::buffer& object) {
        if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) != 0) throw py::error_already_set();
    }
    ~BytesView() { PyBuffer_Release(&view_); }
    BytesView(const BytesView&) = delete;
    BytesView& operator=(const BytesView&) = delete;

    [[nodiscard]] std::string_view bytes() const {
        return {static_cast<const char*>(view_.buf), static_cast<std::size_t>(view_.len)};
    }

  private:
    Py_buffer view_{};
};

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
