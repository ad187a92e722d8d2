// Bindings of infilling: its two ways, the second with the kernels of a native tokenizer.
#include "bindings/objective/infilling.hpp"

#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/common/arrays.hpp"
#include "objective/infilling.hpp"
#include "tokenize/decoder.hpp"
#include "tokenize/encoder.hpp"

namespace pypack::bindings {

namespace {

// Encoder and decoder belong to Python objects that live as long as the objective.
class NativeCodec : public TextCodec {
  public:
    NativeCodec(const Encoder& encoder, const Decoder& decoder) : encoder_(&encoder), decoder_(&decoder) {}

    void decode(std::span<const std::uint32_t> ids, std::string& text) const override {
        decoder_->decode(ids, false, text);
    }
    void encode(std::string_view text, std::vector<std::uint32_t>& ids) const override {
        const EncodedText found = encoder_->encode_one({text.data(), text.size(), TextEncoding::kUtf8}, {});
        ids.insert(ids.end(), found.ids().begin(), found.ids().end());
    }

  private:
    const Encoder* encoder_;
    const Decoder* decoder_;
};

Infilling infilling(std::uint64_t chance, std::uint64_t spm_chance, std::uint32_t prefix_id,
                    std::uint32_t suffix_id, std::uint32_t middle_id, const Array<std::uint32_t>& ends,
                    std::optional<std::uint32_t> split, std::uint64_t file_chance,
                    std::vector<std::uint32_t> skip_ids, std::string skip_text) {
    constexpr std::uint64_t kCertain = std::uint64_t{1} << 32;
    if (chance > kCertain || spm_chance > kCertain || file_chance > kCertain) {
        throw py::value_error("a chance is at most 2^32");
    }
    return {chance,
            spm_chance,
            prefix_id,
            suffix_id,
            middle_id,
            TokenSet(view(ends, "ends")),
            split,
            file_chance,
            std::move(skip_ids),
            std::move(skip_text)};
}

}  // namespace

void register_infilling(py::module_& m) {
    py::classh<Infilling>(m, "Infilling", "How spans are infilled; chances * 2^32.")
        .def(py::init(&infilling), py::kw_only(), py::arg("chance"), py::arg("spm_chance"),
             py::arg("prefix_id"), py::arg("suffix_id"), py::arg("middle_id"), py::arg("ends").noconvert(),
             py::arg("split") = py::none(), py::arg("file_chance") = 0,
             py::arg("skip_ids") = std::vector<std::uint32_t>(), py::arg("skip_text") = "");
    m.def("infilled_tokens", &infilled_tokens, py::arg("infilling"), "Spans are cut between tokens.");
    m.def(
        "infilled_text",
        [](const Infilling& how, const Encoder& encoder, const Decoder& decoder) {
            return infilled_text(how, std::make_shared<NativeCodec>(encoder, decoder));
        },
        py::arg("infilling"), py::arg("encoder"), py::arg("decoder"), py::keep_alive<0, 2>(),
        py::keep_alive<0, 3>(), "Spans are cut between characters, and their parts encoded anew.");
}

}  // namespace pypack::bindings
