// The part of objective.cpp that draws tokens by clusters.
#pragma once

#include <pybind11/pybind11.h>

namespace pypack::bindings {

void register_clusters(pybind11::module_& m);

}  // namespace pypack::bindings
