#include "batch/made_batch.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "batch/fill.hpp"
#include "common/checked.hpp"

namespace pypack {

namespace {

constexpr std::int64_t kLine = 64;  // each array begins on a cache line of its own
// Between the arrays: where the same items of all arrays lie a power of two apart, they compete for the same
// few places in the caches (8 x 8192 tokens: 10 % of the time).
constexpr std::int64_t kApart = 17 * kLine;

std::int64_t array_bytes(std::int64_t items, std::int64_t item_size) {
    const std::int64_t bytes = checked_multiply(items, item_size, "the size of a batch");
    return checked_add(bytes, kLine - 1 + kApart, "the size of a batch") / kLine * kLine;
}

template <typename Id>
void fill(std::span<const TokenDtype> dtypes, const BatchFormat& format, int num_threads, MadeBatch& batch) {
    const FillOptions<Id> options{static_cast<Id>(format.pad_id), format.positions_by_row,
                                  format.leaves_labels};
    const auto ids = [](std::byte* array) { return reinterpret_cast<Id*>(array); };
    const TokenArrays<Id> arrays{ids(batch.input_ids), ids(batch.labels), ids(batch.position_ids),
                                 ids(batch.segment_ids), reinterpret_cast<float*>(batch.loss_mask)};
    if (format.varlen) {
        fill_varlen(dtypes, batch.rows, batch.num_items, options, arrays, num_threads);
    } else {
        fill_padded(dtypes, batch.rows, batch.row_length, options, arrays, num_threads);
    }
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
    return static_cast<std::size_t>(
        checked_add(checked_multiply(each, ids, "the size of a batch"), mask, "the size of a batch"));
}

MadeBatch make_batch(std::span<const SequenceSource> sources, std::span<const RowRef> rows,
                     std::int64_t row_length, const BatchFormat& format, BufferPool& pool,
                     OutsideMemory outside, int num_threads, std::int64_t now) {
    MadeBatch batch;
    batch.rows = resolve_rows(sources, rows, now);
    batch.num_rows = static_cast<std::int64_t>(rows.size());
    batch.row_length = row_length;
    if (format.varlen) {
        batch.num_items = varlen_items(batch.rows, format);
        batch.cu_seqlens = span_borders(batch.rows, batch.num_items, row_length, format.max_documents);
        // A batch of fixed shape gets a fixed bound too, for compiled models.
        batch.max_seqlen =
            format.pad_to > 0 ? static_cast<std::int32_t>(row_length) : batch.rows.longest_room;
    } else {
        batch.num_items = checked_multiply(batch.num_rows, row_length, "the size of a batch");
    }
    const std::size_t bytes = batch_bytes(batch.num_items, format);
    std::byte* next = outside.data;
    if (outside.data == nullptr) {
        batch.memory = pool.take(bytes);
        next = batch.memory.get();
    } else if (outside.size < bytes) {
        throw std::invalid_argument("a batch of " + std::to_string(bytes) + " bytes does not fit in " +
                                    std::to_string(outside.size));
    }
    const auto cut = [&](bool wanted, std::int64_t item_size) -> std::byte* {
        if (!wanted) return nullptr;
        std::byte* array = next;
        next += array_bytes(batch.num_items, item_size);
        return array;
    };
    const std::int64_t id_size = format.int32 ? 4 : 8;
    batch.input_ids = cut(true, id_size);
    batch.labels = cut(format.labels, id_size);
    batch.position_ids = cut(format.position_ids, id_size);
    batch.segment_ids = cut(format.segment_ids, id_size);
    batch.loss_mask = cut(format.loss_mask, sizeof(float));
    std::vector<TokenDtype> dtypes;
    dtypes.reserve(sources.size());
    for (const SequenceSource& source : sources) dtypes.push_back(source.store->dtype());
    if (format.int32) {
        fill<std::int32_t>(dtypes, format, num_threads, batch);
    } else {
        fill<std::int64_t>(dtypes, format, num_threads, batch);
    }
    return batch;
}

}  // namespace pypack
