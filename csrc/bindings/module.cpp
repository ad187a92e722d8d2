// The extension module: a list of what the binding files register. It does not say that it goes without the
// GIL: objects that several threads change at once (OnlinePacker, MixtureStream, BatchMaker) rely on it.
#include <pybind11/pybind11.h>

#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"

PYBIND11_MODULE(_core, m) {
    m.doc() = "Compiled kernels of pypack. Private: use the classes and functions of the package instead.";
    pypack::bindings::let_signals_interrupt();
    pypack::bindings::register_common(m);
    pypack::bindings::register_convert(m);
    pypack::bindings::register_corpus(m);
    pypack::bindings::register_store(m);
    pypack::bindings::register_chosen(m);
    pypack::bindings::register_denoising(m);
    pypack::bindings::register_remote(m);
    pypack::bindings::register_pack(m);
    pypack::bindings::register_objective(m);
    pypack::bindings::register_batch(m);
    pypack::bindings::register_schedule(m);
    pypack::bindings::register_prompts(m);
    pypack::bindings::register_vocabulary(m);
    pypack::bindings::register_models(m);
    pypack::bindings::register_normalizers(m);
    pypack::bindings::register_pretokenizers(m);
    pypack::bindings::register_tokenize(m);
    pypack::bindings::register_similar(m);
    pypack::bindings::register_testing(m);
}
