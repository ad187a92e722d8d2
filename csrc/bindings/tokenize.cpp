// Bindings of csrc/core/tokenize.
#include "arrays.hpp"
#include "bindings.hpp"

namespace pypack::bindings {

void register_tokenize(py::module_& m) {
    (void)m;
}

}  // namespace pypack::bindings
