// What every binding file needs to pass numpy arrays in and out: checked views in, moved buffers out.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/buffer.hpp"

namespace pypack::bindings {

namespace py = pybind11;

// Arguments of this type must be declared with py::arg(...).noconvert(): an array of another dtype or layout
// is then a TypeError instead of a silent copy.
template <typename T>
using Array = py::array_t<T, py::array::c_style>;

// Memory that a file is mapped to may begin anywhere; kernels read whole numbers.
template <typename T>
void check_aligned(const void* data, const char* name) {
    if (reinterpret_cast<std::uintptr_t>(data) % alignof(T) != 0) {
        throw py::value_error(std::string(name) + " is not aligned to its " + std::to_string(alignof(T)) +
                              "-byte items: pass a copy (numpy.array(x))");
    }
}

template <typename T>
[[nodiscard]] std::span<const T> view(const Array<T>& array, const char* name, int ndim = 1) {
    if (array.ndim() != ndim) {
        throw py::value_error(std::string(name) + " must have " + std::to_string(ndim) +
                              " dimension(s), has " + std::to_string(array.ndim()));
    }
    check_aligned<T>(array.data(), name);
    return {array.data(), static_cast<std::size_t>(array.size())};
}

template <typename T>
[[nodiscard]] std::span<T> writable_view(Array<T>& array, const char* name, int ndim = 1) {
    if (array.ndim() != ndim) {
        throw py::value_error(std::string(name) + " must have " + std::to_string(ndim) +
                              " dimension(s), has " + std::to_string(array.ndim()));
    }
    check_aligned<T>(array.mutable_data(), name);
    return {array.mutable_data(), static_cast<std::size_t>(array.size())};
}

struct Shape {
    py::ssize_t sizes[2];
    int ndim;
};

// A writable array in memory that `owner` keeps alive. What py::array_t's constructor does, without the
// vectors that it fills on the way: a loader makes several of these a batch.
template <typename T>
[[nodiscard]] py::object array_in(std::byte* data, const Shape& shape, const py::capsule& owner) {
    const auto& numpy = py::detail::npy_api::get();
    auto array = py::reinterpret_steal<py::object>(numpy.PyArray_NewFromDescr_(
        numpy.PyArray_Type_, py::dtype::of<T>().release().ptr(), shape.ndim, shape.sizes, nullptr, data,
        py::detail::npy_api::NPY_ARRAY_WRITEABLE_, nullptr));
    if (!array || numpy.PyArray_SetBaseObject_(array.ptr(), owner.inc_ref().ptr()) != 0) {
        throw py::error_already_set();
    }
    return array;
}

// Hands the memory of a std::vector or a Buffer to numpy without a copy; the array owns it from then on.
template <typename Values>
    requires std::is_rvalue_reference_v<Values&&>
[[nodiscard]] auto to_numpy(Values&& values) {
    auto owner = std::make_unique<Values>(std::move(values));
    auto* const data = owner->data();
    const auto size = static_cast<py::ssize_t>(owner->size());
    const py::capsule release(owner.get(), [](void* p) { delete static_cast<Values*>(p); });
    owner.release();
    return py::array_t<std::remove_pointer_t<decltype(data)>>(size, data, release);
}

}  // namespace pypack::bindings
