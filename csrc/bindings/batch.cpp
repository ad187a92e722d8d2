// Bindings of csrc/core/batch.
#include "arrays.hpp"
#include "bindings.hpp"

namespace pypack::bindings {

void register_batch(py::module_& m) {
    (void)m;
}

}  // namespace pypack::bindings
