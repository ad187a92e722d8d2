// Bindings of csrc/core/store.
#include "arrays.hpp"
#include "bindings.hpp"

namespace pypack::bindings {

void register_store(py::module_& m) {
    (void)m;
}

}  // namespace pypack::bindings
