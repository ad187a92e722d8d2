// Bindings of csrc/core/pack.
#include "arrays.hpp"
#include "bindings.hpp"

namespace pypack::bindings {

void register_pack(py::module_& m) {
    (void)m;
}

}  // namespace pypack::bindings
