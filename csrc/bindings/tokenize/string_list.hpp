// Python strings as the flat lists that the kernels of csrc/core/tokenize take.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/types.hpp"
#include "tokenize/vocabulary/merge_list.hpp"
#include "tokenize/vocabulary/token_table.hpp"
#include "tokenize/vocabulary/vocabulary.hpp"

namespace pypack::bindings {

namespace py = pybind11;

// Merges as Python holds them; `vocabulary` is the one that places are of.
struct Merges {
    MergeList list;
    std::shared_ptr<const Vocabulary> vocabulary;
};

[[nodiscard]] inline std::string_view utf8_of(PyObject* text, const char* what) {
    Py_ssize_t size = 0;
    const char* const data = PyUnicode_Check(text) ? PyUnicode_AsUTF8AndSize(text, &size) : nullptr;
    if (data == nullptr) {
        PyErr_Clear();
        throw py::value_error(std::string(what) + " must be strings that have a UTF-8 form");
    }
    return {data, static_cast<std::size_t>(size)};
}

// A container's item, which stays alive though another thread may take it out of the container.
[[nodiscard]] inline py::object held(PyObject* item) {
    return py::reinterpret_borrow<py::object>(item);
}

// token -> id
inline void read_vocabulary(const py::dict& vocabulary, StringList& tokens, std::vector<TokenId>& ids) {
    PyObject* token = nullptr;
    PyObject* id = nullptr;
    tokens.offsets.reserve(vocabulary.size() + 1);
    ids.reserve(vocabulary.size());
    for (Py_ssize_t at = 0; PyDict_Next(vocabulary.ptr(), &at, &token, &id) != 0;) {
        const auto text = held(token);
        const auto number = held(id);
        tokens.push_back(utf8_of(text.ptr(), "tokens"));
        const unsigned long value = PyLong_Check(number.ptr()) ? PyLong_AsUnsignedLong(number.ptr()) : ~0UL;
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
        const auto merge = held(PyList_GET_ITEM(merges.ptr(), i));
        if (PyList_Check(merge.ptr()) && PyList_GET_SIZE(merge.ptr()) == 2) {
            for (const int side : {0, 1}) {
                const auto text = held(PyList_GET_ITEM(merge.ptr(), side));
                sides.push_back(utf8_of(text.ptr(), "merges"));
            }
            continue;
        }
        const std::string_view both = utf8_of(merge.ptr(), "merges");
        const std::size_t space = both.find(' ');
        if (space == std::string_view::npos || both.find(' ', space + 1) != std::string_view::npos) {
            throw py::value_error("merge " + std::to_string(i) + " is not two tokens with a space between");
        }
        sides.push_back(both.substr(0, space));
        sides.push_back(both.substr(space + 1));
    }
}

}  // namespace pypack::bindings
