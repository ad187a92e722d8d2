// Bindings of csrc/core/batch.
#include <pybind11/stl.h>

#include <optional>
#include <string>

#include "arrays.hpp"
#include "batch/buffer_pool.hpp"
#include "batch/fill.hpp"
#include "batch/sequence_source.hpp"
#include "bindings.hpp"
#include "common/checked.hpp"
#include "pack/verify.hpp"

namespace pypack::bindings {

namespace {

// Buffers of finished batches kept for the next ones: a prefetch of two, two in the consumer's hands.
constexpr std::size_t kIdleBuffers = 4;

// Which arrays a batch has, and in which dtype.
struct BatchFormat {
    bool int32 = false;
    bool labels = true;
    bool position_ids = true;
    bool segment_ids = true;
};

// The sources of a loader with the memory of its batches. Keeps the plans' arrays alive.
class BatchFiller {
  public:
    BatchFiller() : pool_(kIdleBuffers) {}

    void add_source(std::shared_ptr<StoreView> store, const Array<std::int64_t>& sequence_offsets,
                    const Array<std::int64_t>& span_document, const Array<std::int32_t>& span_start,
                    const Array<std::int32_t>& span_length, const Array<std::int32_t>& sequence_capacity,
                    const std::optional<Array<std::int64_t>>& documents, std::int32_t align) {
        if (align < 1) throw py::value_error("align must be at least 1");
        const PlanView plan{view(sequence_offsets, "sequence_offsets"), view(span_document, "span_document"),
                            view(span_start, "span_start"), view(span_length, "span_length"),
                            view(sequence_capacity, "sequence_capacity")};
        check_sizes(plan);
        for (const py::array& array :
             {py::array(sequence_offsets), py::array(span_document), py::array(span_start),
              py::array(span_length), py::array(sequence_capacity)}) {
            arrays_.push_back(array);
        }
        dtypes_.push_back(store->dtype());
        SequenceSource source{std::move(store), plan, {}, align};
        if (documents) {
            source.documents = view(*documents, "documents");
            arrays_.emplace_back(*documents);
        }
        sources_.push_back(std::move(source));
    }

    py::dict padded(const Array<std::int32_t>& source_of_row, const Array<std::int64_t>& sequence_of_row,
                    std::int64_t row_length, std::int64_t pad_id, const BatchFormat& format,
                    int num_threads) {
        const auto rows = row_refs(source_of_row, sequence_of_row);
        if (row_length < 0) throw py::value_error("row_length must not be negative");
        return format.int32 ? padded_as<std::int32_t>(rows, row_length, pad_id, format, num_threads)
                            : padded_as<std::int64_t>(rows, row_length, pad_id, format, num_threads);
    }

    py::dict varlen(const Array<std::int32_t>& source_of_row, const Array<std::int64_t>& sequence_of_row,
                    std::int64_t pad_id, const BatchFormat& format, int num_threads) {
        const auto rows = row_refs(source_of_row, sequence_of_row);
        return format.int32 ? varlen_as<std::int32_t>(rows, pad_id, format, num_threads)
                            : varlen_as<std::int64_t>(rows, pad_id, format, num_threads);
    }

  private:
    static std::vector<RowRef> row_refs(const Array<std::int32_t>& source_of_row,
                                        const Array<std::int64_t>& sequence_of_row) {
        const auto sources = view(source_of_row, "source_of_row");
        const auto sequences = view(sequence_of_row, "sequence_of_row");
        if (sources.size() != sequences.size()) {
            throw py::value_error("source_of_row and sequence_of_row must have one length");
        }
        std::vector<RowRef> rows(sources.size());
        for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = {sources[i], sequences[i]};
        return rows;
    }

    // Cuts one buffer into the arrays that the format asks for.
    template <typename Id>
    TokenArrays<Id> carve(std::byte* buffer, std::int64_t items, const BatchFormat& format) const {
        auto* next = reinterpret_cast<Id*>(buffer);
        const auto cut = [&](bool wanted) {
            Id* array = wanted ? next : nullptr;
            if (wanted) next += padded_items<Id>(items);
            return array;
        };
        TokenArrays<Id> out;
        out.input_ids = cut(true);
        out.labels = cut(format.labels);
        out.position_ids = cut(format.position_ids);
        out.segment_ids = cut(format.segment_ids);
        return out;
    }

    // Each array begins on a cache line of its own.
    template <typename Id>
    static std::int64_t padded_items(std::int64_t items) {
        constexpr std::int64_t kLine = 64 / sizeof(Id);
        return checked_add(items, kLine - 1, "the size of a batch") / kLine * kLine;
    }

    template <typename Id>
    std::shared_ptr<std::byte> take_buffer(std::int64_t items, const BatchFormat& format) {
        const std::int64_t arrays =
            1 + (format.labels ? 1 : 0) + (format.position_ids ? 1 : 0) + (format.segment_ids ? 1 : 0);
        const std::int64_t each =
            checked_multiply(padded_items<Id>(items), sizeof(Id), "the size of a batch");
        return pool_.take(static_cast<std::size_t>(checked_multiply(each, arrays, "the size of a batch")));
    }

    template <typename Id>
    static void put_arrays(py::dict& batch, const std::shared_ptr<std::byte>& buffer,
                           const TokenArrays<Id>& arrays, const std::vector<py::ssize_t>& shape) {
        // One capsule a batch: the buffer goes back to the pool with the last array.
        const py::capsule owner(new std::shared_ptr<std::byte>(buffer),
                                [](void* p) { delete static_cast<std::shared_ptr<std::byte>*>(p); });
        const auto put = [&](const char* name, Id* data) {
            if (data != nullptr) batch[name] = py::array_t<Id>(shape, data, owner);
        };
        put("input_ids", arrays.input_ids);
        put("labels", arrays.labels);
        put("position_ids", arrays.position_ids);
        put("segment_ids", arrays.segment_ids);
    }

    static void put_spans(py::dict& batch, const ResolvedRows& rows) {
        const auto spans = static_cast<py::ssize_t>(rows.spans.size());
        py::array_t<std::int64_t> documents(spans);
        py::array_t<std::int32_t> sources(spans);
        py::array_t<std::int32_t> lengths(spans);
        for (std::size_t i = 0; i < rows.spans.size(); ++i) {
            documents.mutable_data()[i] = rows.spans[i].document;
            sources.mutable_data()[i] = rows.spans[i].source;
            lengths.mutable_data()[i] = rows.spans[i].length;
        }
        batch["document_ids"] = std::move(documents);
        batch["source_ids"] = std::move(sources);
        batch["span_lengths"] = std::move(lengths);
        batch["row_spans"] = to_numpy(std::vector<std::int64_t>(rows.first_span));
        batch["tokens"] = rows.num_tokens;
    }

    template <typename Id>
    py::dict padded_as(const std::vector<RowRef>& rows, std::int64_t row_length, std::int64_t pad_id,
                       const BatchFormat& format, int num_threads) {
        const std::int64_t items =
            checked_multiply(static_cast<std::int64_t>(rows.size()), row_length, "the size of a batch");
        ResolvedRows resolved;
        std::shared_ptr<std::byte> buffer;
        TokenArrays<Id> arrays;
        {
            const py::gil_scoped_release release;
            resolved = resolve_rows(sources_, rows);
            buffer = take_buffer<Id>(items, format);
            arrays = carve<Id>(buffer.get(), items, format);
            fill_padded(std::span<const TokenDtype>(dtypes_), resolved, row_length, static_cast<Id>(pad_id),
                        arrays, num_threads);
        }
        py::dict batch;
        put_arrays(batch, buffer, arrays,
                   {static_cast<py::ssize_t>(rows.size()), static_cast<py::ssize_t>(row_length)});
        put_spans(batch, resolved);
        return batch;
    }

    template <typename Id>
    py::dict varlen_as(const std::vector<RowRef>& rows, std::int64_t pad_id, const BatchFormat& format,
                       int num_threads) {
        ResolvedRows resolved;
        std::shared_ptr<std::byte> buffer;
        TokenArrays<Id> arrays;
        std::vector<std::int32_t> cu_seqlens;
        {
            const py::gil_scoped_release release;
            resolved = resolve_rows(sources_, rows);
            buffer = take_buffer<Id>(resolved.num_items, format);
            arrays = carve<Id>(buffer.get(), resolved.num_items, format);
            cu_seqlens.resize(resolved.spans.size() + 1);
            fill_varlen(std::span<const TokenDtype>(dtypes_), resolved, static_cast<Id>(pad_id), arrays,
                        std::span<std::int32_t>(cu_seqlens), num_threads);
        }
        py::dict batch;
        put_arrays(batch, buffer, arrays, {static_cast<py::ssize_t>(resolved.num_items)});
        put_spans(batch, resolved);
        batch["cu_seqlens"] = to_numpy(std::move(cu_seqlens));
        batch["max_seqlen"] = resolved.longest_room;
        return batch;
    }

    std::vector<SequenceSource> sources_;
    std::vector<TokenDtype> dtypes_;
    std::vector<py::array> arrays_;
    BufferPool pool_;
};

}  // namespace

void register_batch(py::module_& m) {
    py::classh<BatchFormat>(m, "BatchFormat", "Which arrays a batch has, and in which dtype.")
        .def(py::init([](bool int32, bool labels, bool position_ids, bool segment_ids) {
                 return BatchFormat{int32, labels, position_ids, segment_ids};
             }),
             py::kw_only(), py::arg("int32") = false, py::arg("labels") = true,
             py::arg("position_ids") = true, py::arg("segment_ids") = true);
    py::classh<BatchFiller>(m, "BatchFiller", "Fills batches with sequences of stores and their plans.")
        .def(py::init<>())
        .def("add_source", &BatchFiller::add_source, py::arg("store"),
             py::arg("sequence_offsets").noconvert(), py::arg("span_document").noconvert(),
             py::arg("span_start").noconvert(), py::arg("span_length").noconvert(),
             py::arg("sequence_capacity").noconvert(), py::arg("documents").noconvert(), py::arg("align"))
        .def("padded", &BatchFiller::padded, py::arg("source_of_row").noconvert(),
             py::arg("sequence_of_row").noconvert(), py::arg("row_length"), py::arg("pad_id"),
             py::arg("format"), py::arg("num_threads"), "Arrays of shape [rows, row_length], by name.")
        .def("varlen", &BatchFiller::varlen, py::arg("source_of_row").noconvert(),
             py::arg("sequence_of_row").noconvert(), py::arg("pad_id"), py::arg("format"),
             py::arg("num_threads"), "Arrays of shape [tokens], with cu_seqlens and max_seqlen, by name.");
}

}  // namespace pypack::bindings
