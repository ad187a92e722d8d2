// The bytes of a Python object with the buffer protocol.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <string_view>

namespace pypack::bindings {

namespace py = pybind11;

// The object cannot be resized as long as this lives. Throws Python's BufferError where the bytes do not lie
// end to end.
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

}  // namespace pypack::bindings
