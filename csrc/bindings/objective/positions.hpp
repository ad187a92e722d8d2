// The part of objective.cpp that changes positions.
#pragma once

#include <pybind11/pybind11.h>

namespace pypack::bindings {

void register_positions(pybind11::module_& m);

}  // namespace pypack::bindings
