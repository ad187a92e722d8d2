// Python strings as the flat lists that the kernels of csrc/core/tokenize take.
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/types.hpp"
#include "tokenize/vocabulary/token_table.hpp"

namespace pypack::bindings {

namespace py = pybind11;

// The two sides of each merge, as Python holds them.
struct Merges : StringList {};

[[nodiscard]] inline std::string_view utf8_of(PyObject* text, const char* what) {
    Py_ssize_t size = 0;
    const char* const data = PyUnicode_Check(text) ? PyUnicode_AsUTF8AndSize(text, &size) : nullptr;
    if (data == nullptr) {
        PyErr_Clear();
        throw py::value_error(std::string(what) + " must be strings that have a UTF-8 form");
    }
    return {data, static_cast<std::size_t>(size)};
}

// token -> id
inline void read_vocabulary(const py::dict& vocabulary, StringList& tokens, std::vector<TokenId>& ids) {
    PyObject* token = nullptr;
    PyObject* id = nullptr;
    tokens.offsets.reserve(vocabulary.size() + 1);
    ids.reserve(vocabulary.size());
    for (Py_ssize_t at = 0; PyDict_Next(vocabulary.ptr(), &at, &token, &id) != 0;) {
        tokens.push_back(utf8_of(token, "tokens"));
        const unsigned long value = PyLong_Check(id) ? PyLong_AsUnsignedLong(id) : ~0UL;
        if (value >= kNoToken) {
            PyErr_Clear();
            throw py::value_error("ids must be integers from 0 to 2^32-2");
        }
        ids.push_back(static_cast<TokenId>(value));
    }
}

// Each merge is "left right" or [left, right].
inline void read_merges(const py::list& merges, StringList& sides) {
    sides.offsets.reserve(2 * merges.size() + 1);
    for (py::ssize_t i = 0; i < PyList_GET_SIZE(merges.ptr()); ++i) {
        PyObject* const merge = PyList_GET_ITEM(merges.ptr(), i);
        if (PyList_Check(merge) && PyList_GET_SIZE(merge) == 2) {
            sides.push_back(utf8_of(PyList_GET_ITEM(merge, 0), "merges"));
            sides.push_back(utf8_of(PyList_GET_ITEM(merge, 1), "merges"));
            continue;
        }
        const std::string_view both = utf8_of(merge, "merges");
        const std::size_t space = both.find(' ');
        if (space == std::string_view::npos || both.find(' ', space + 1) != std::string_view::npos) {
            throw py::value_error("merge " + std::to_string(i) + " is not two tokens with a space between");
        }
        sides.push_back(both.substr(0, space));
        sides.push_back(both.substr(space + 1));
    }
}

}  // namespace pypack::bindings
