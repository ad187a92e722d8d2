// The part of objective.cpp that needs stores: masked words whose borders they keep.
#pragma once

#include <pybind11/pybind11.h>

namespace pypack::bindings {

void register_word_borders(pybind11::module_& m);

}  // namespace pypack::bindings
