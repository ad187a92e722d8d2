// The folders of the bindings pair with those of the core by name; each file registers some of its kernels.
#pragma once

#include <pybind11/pybind11.h>

namespace pypack::bindings {

void register_common(pybind11::module_& m);
void register_convert(pybind11::module_& m);
void register_corpus(pybind11::module_& m);
void register_store(pybind11::module_& m);
void register_chosen(pybind11::module_& m);
void register_remote(pybind11::module_& m);
void register_pack(pybind11::module_& m);
void register_batch(pybind11::module_& m);
void register_denoising(pybind11::module_& m);
void register_objective(pybind11::module_& m);
void register_schedule(pybind11::module_& m);
void register_prompts(pybind11::module_& m);
void register_similar(pybind11::module_& m);
void register_tokenize(pybind11::module_& m);
void register_models(pybind11::module_& m);
void register_normalizers(pybind11::module_& m);
void register_pretokenizers(pybind11::module_& m);
void register_vocabulary(pybind11::module_& m);
void register_testing(pybind11::module_& m);

}  // namespace pypack::bindings
