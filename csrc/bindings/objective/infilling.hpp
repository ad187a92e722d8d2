// The part of objective.cpp that needs the tokenizer.
#pragma once

#include <pybind11/pybind11.h>

namespace pypack::bindings {

void register_infilling(pybind11::module_& m);

}  // namespace pypack::bindings
