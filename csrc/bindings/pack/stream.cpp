// Bindings of csrc/core/pack/stream: the online packer and its state. It knows
// lengths only; Python holds the tokens.
#include <pybind11/stl.h>

#include "bindings/common/arrays.hpp"
#include "bindings/pack/types.hpp"
#include "bindings/register.hpp"
#include "pack/stream/piece_bytes.hpp"
#include "pack/stream/stream.hpp"

namespace pypack::bindings {

namespace {

// (document int64 [n], start int32 [n], length int32 [n])
py::tuple columns(std::span<const Piece> pieces) {
    std::vector<std::int64_t> documents;
    std::vector<Length> starts;
    std::vector<Length> lengths;
    for (const Piece& piece : pieces) {
        documents.push_back(piece.document);
        starts.push_back(piece.start);
        lengths.push_back(piece.length);
    }
    return py::make_tuple(to_numpy(std::move(documents)), to_numpy(std::move(starts)),
                          to_numpy(std::move(lengths)));
}

// The online packer with its counts. Calls are too short to release the GIL.
class OnlinePacker {
  public:
    OnlinePacker(const PackOptions& options, std::int64_t buffer_documents, std::int64_t buffer_tokens)
        : packer_(options, {buffer_documents, buffer_tokens}), sequence_length_(options.sequence_length) {}

    // The finished sequences, and (start, length) of the piece of this document that waits in the buffer,
    // which is (0, 0) if there is none.
    py::tuple add(Length length) {
        py::list sequences;
        const std::int64_t document = counts_.documents;
        packer_.add(document, length, counts_,
                    [&](std::span<const Piece> s) { sequences.append(columns(s)); });
        const Piece* newest = packer_.newest();
        const bool waits = newest != nullptr && newest->document == document;
        return py::make_tuple(sequences, waits ? newest->start : 0, waits ? newest->length : 0);
    }

    py::list flush() {
        py::list sequences;
        packer_.flush([&](std::span<const Piece> s) { sequences.append(columns(s)); });
        return sequences;
    }

    [[nodiscard]] py::tuple buffered() const { return columns(packer_.buffered()); }
    [[nodiscard]] py::dict counts() const { return to_python(counts_); }

    // buffered() in a few bytes a piece, uint8 [n].
    [[nodiscard]] py::object buffered_bytes() const {
        return to_numpy(pieces_to_bytes(packer_.buffered(), counts_.documents, sequence_length_));
    }

    // Puts an empty packer into the state that buffered_bytes() and counts() told.
    void restore(const Array<std::uint8_t>& bytes, const std::map<std::string, std::int64_t>& counts) {
        counts_ = counts_from_python(counts);
        for (const Piece& piece :
             pieces_from_bytes(view(bytes, "pieces"), counts_.documents, sequence_length_)) {
            packer_.push(piece);
        }
    }

  private:
    StreamPacker packer_;
    Length sequence_length_;
    PlanCounts counts_;
};

}  // namespace

void register_pack_stream(py::module_& m) {
    py::class_<OnlinePacker>(m, "OnlinePacker", "The streaming packer on lengths alone.")
        .def(py::init<const PackOptions&, std::int64_t, std::int64_t>(), py::arg("options"),
             py::arg("buffer_documents"), py::arg("buffer_tokens"))
        .def("add", &OnlinePacker::add, py::arg("length"))
        .def("flush", &OnlinePacker::flush)
        .def("buffered", &OnlinePacker::buffered)
        .def("counts", &OnlinePacker::counts)
        .def("buffered_bytes", &OnlinePacker::buffered_bytes)
        .def("restore", &OnlinePacker::restore, py::arg("pieces").noconvert(), py::arg("counts"));
}

}  // namespace pypack::bindings
