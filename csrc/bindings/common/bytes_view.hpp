// The bytes of a Python object with the buffer protocol.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <span>
#include <string_view>

namespace pypack::bindings {

namespace py = pybind11;

// The object cannot be resized as long as this lives. Throws Python's BufferError where the bytes do not lie
// end to end.
class BytesView {
  public:
    // `flags`: PyBUF_WRITABLE for bytes that are to be changed.
    explicit BytesView(const py::buffer& object, int flags = PyBUF_SIMPLE) {
        if (PyObject_GetBuffer(object.ptr(), &view_, flags) != 0) throw py::error_already_set();
    }
    ~BytesView() { PyBuffer_Release(&view_); }
    BytesView(const BytesView&) = delete;
    BytesView& operator=(const BytesView&) = delete;

    [[nodiscard]] std::string_view bytes() const {
        return {static_cast<const char*>(view_.buf), static_cast<std::size_t>(view_.len)};
    }
    // Of an object that was asked for with PyBUF_WRITABLE.
    [[nodiscard]] std::span<char> writable() const {
        return {static_cast<char*>(view_.buf), static_cast<std::size_t>(view_.len)};
    }

  private:
    Py_buffer view_{};
};

}  // namespace pypack::bindings
