#include "batch/made_batch.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>

#include "batch/array_bytes.hpp"
#include "batch/batch_objective.hpp"
#include "batch/fill.hpp"
#include "common/checked.hpp"

namespace pypack {

namespace {

// What a batch is filled from.
struct Filling {
    std::span<const SequenceSource> sources;
    std::span<const RowRef> rows;
    const BatchFormat& format;
    const Objective* objective;
    int num_threads;
};

template <typename Id>
void fill(const Filling& from, MadeBatch& batch) {
    std::vector<TokenDtype> dtypes;
    dtypes.reserve(from.sources.size());
    for (const SequenceSource& source : from.sources) dtypes.push_back(source.store->dtype());
    const BatchFormat& format = from.format;
    FillOptions<Id> options{static_cast<Id>(format.pad_id), format.positions_by_row, format.leaves_labels};
    const auto ids = [](std::byte* array) { return reinterpret_cast<Id*>(array); };
    const TokenArrays<Id> arrays{ids(batch.input_ids), ids(batch.labels), ids(batch.position_ids),
                                 ids(batch.segment_ids), reinterpret_cast<float*>(batch.loss_mask)};
    std::optional<BatchObjective<Id>> objective;
    if (from.objective != nullptr) {
        objective.emplace(*from.objective, from.sources, from.rows, format, batch);
        objective->join(options);
    }
    if (format.varlen) {
        fill_varlen(dtypes, batch.rows, batch.num_items, options, arrays, from.num_threads);
    } else {
        fill_padded(dtypes, batch.rows, batch.row_length, options, arrays, from.num_threads);
    }
    if (objective) objective->finish(from.num_threads);
}

std::int64_t size_of(ExtraArray::Kind kind, const BatchFormat& format) {
    return kind == ExtraArray::Kind::ids && !format.int32 ? 8 : 4;
}

std::int64_t varlen_items(const ResolvedRows& rows, const BatchFormat& format) {
    if (format.pad_to == 0) return rows.num_items;
    if (rows.num_items > format.pad_to) {
        throw std::invalid_argument("a batch has " + std::to_string(rows.num_items) +
                                    " tokens, pad_to allows " + std::to_string(format.pad_to));
    }
    return format.pad_to;
}

}  // namespace

std::size_t batch_bytes(std::int64_t items, const BatchFormat& format) {
    const std::int64_t ids =
        1 + (format.labels ? 1 : 0) + (format.position_ids ? 1 : 0) + (format.segment_ids ? 1 : 0);
    const std::int64_t each = array_bytes(items, format.int32 ? 4 : 8);
    const std::int64_t mask = format.loss_mask ? array_bytes(items, sizeof(float)) : 0;
    std::int64_t bytes =
        checked_add(checked_multiply(each, ids, "the size of a batch"), mask, "the size of a batch");
    for (const ExtraArray& extra : format.extras) {  // those of rows have at most as many items
        bytes = checked_add(bytes, array_bytes(items, size_of(extra.kind, format)), "the size of a batch");
    }
    return static_cast<std::size_t>(bytes);
}

MadeBatch make_batch(std::span<const SequenceSource> sources, std::span<const RowRef> rows,
                     std::int64_t row_length, const BatchFormat& format, BufferPool& pool,
                     OutsideMemory outside, int num_threads, std::int64_t now, const Objective* objective) {
    MadeBatch batch;
    batch.rows = resolve_rows(sources, rows, now);
    batch.num_rows = static_cast<std::int64_t>(rows.size());
    batch.row_length = row_length;
    batch.varlen = format.varlen;
    batch.int32 = format.int32;
    if (format.varlen) {
        batch.num_items = varlen_items(batch.rows, format);
        batch.cu_seqlens = span_borders(batch.rows, batch.num_items, row_length, format.max_documents);
        // A batch of fixed shape gets a fixed bound too, for compiled models.
        batch.max_seqlen =
            format.pad_to > 0 ? static_cast<std::int32_t>(row_length) : batch.rows.longest_room;
    } else {
        batch.num_items = checked_multiply(batch.num_rows, row_length, "the size of a batch");
    }
    // Arrays of rows have items also where the rows of the varlen layout are not full.
    const std::int64_t room = format.extras.empty() ? 0 : batch.num_rows * row_length;
    const std::size_t bytes = batch_bytes(std::max(batch.num_items, room), format);
    std::byte* next = outside.data;
    if (outside.data == nullptr) {
        batch.memory = pool.take(bytes);
        next = batch.memory.get();
    } else if (outside.size < bytes) {
        throw std::invalid_argument("a batch of " + std::to_string(bytes) + " bytes does not fit in " +
                                    std::to_string(outside.size));
    }
    const auto cut_items = [&](std::int64_t items, std::int64_t item_size) {
        std::byte* array = next;
        next += array_bytes(items, item_size);
        return array;
    };
    const auto cut = [&](bool wanted, std::int64_t item_size) {
        return wanted ? cut_items(batch.num_items, item_size) : nullptr;
    };
    const std::int64_t id_size = format.int32 ? 4 : 8;
    batch.input_ids = cut(true, id_size);
    batch.labels = cut(format.labels, id_size);
    batch.position_ids = cut(format.position_ids, id_size);
    batch.segment_ids = cut(format.segment_ids, id_size);
    batch.loss_mask = cut(format.loss_mask, sizeof(float));
    for (const ExtraArray& extra : format.extras) {
        const std::int64_t columns = extra.is_by_row() ? extra.items_of_row(row_length) : kOfInputs;
        const std::int64_t items = columns < 0 ? batch.num_items : batch.num_rows * columns;
        batch.extras.push_back(
            {extra.name, extra.kind, columns, cut_items(items, size_of(extra.kind, format))});
    }
    const Filling from{sources, rows, format, objective, num_threads};
    if (format.int32) {
        fill<std::int32_t>(from, batch);
    } else {
        fill<std::int64_t>(from, batch);
    }
    return batch;
}

}  // namespace pypack
