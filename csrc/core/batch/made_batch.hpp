// A batch as memory: which arrays it has, where they lie, and what describes its spans.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "batch/buffer_pool.hpp"
#include "batch/sequence_source.hpp"
#include "objective/objective.hpp"

namespace pypack {

// What the batches of a loader look like.
struct BatchFormat {
    bool varlen = false;
    bool int32 = false;
    bool labels = true;
    bool position_ids = true;
    bool segment_ids = true;
    bool loss_mask = false;
    bool positions_by_row = false;
    bool leaves_labels = false;  // to the objective, see FillOptions
    std::int64_t pad_id = 0;
    std::int64_t pad_to = 0;           // varlen: items of every batch; 0: as many as it has
    std::int64_t max_documents = 0;    // varlen: segments of every batch; 0: as many as it has
    std::vector<ExtraArray> extras{};  // of the objective
};

inline constexpr std::int64_t kOfInputs = -1;  // of the shape of the input ids
inline constexpr std::int64_t kOfLabels = -2;  // of that of the labels

// An array that an objective has added: of one item for each of the batch's, or [rows, columns].
struct MadeExtra {
    const char* name;
    ExtraArray::Kind kind;
    std::int64_t columns;  // or kOfInputs, kOfLabels
    std::byte* data;
};

// Memory for the token arrays that is not the pool's (pinned memory); its owner keeps it alive.
struct OutsideMemory {
    std::byte* data = nullptr;
    std::size_t size = 0;
};

struct MadeBatch {
    ResolvedRows rows;
    std::shared_ptr<std::byte> memory;  // null if it came from outside
    bool varlen = false;
    bool int32 = false;  // the ids are; else int64
    std::int64_t num_rows = 0;
    std::int64_t row_length = 0;      // padded layout
    std::int64_t target_length = -1;  // of the labels of a row, where they are another's than the inputs
    std::int64_t num_items = 0;       // of each token array
    std::int64_t num_targets = 0;     // of those of the other side
    // Begins of the token arrays; null where one is left out.
    std::byte* input_ids = nullptr;
    std::byte* labels = nullptr;
    std::byte* position_ids = nullptr;
    std::byte* segment_ids = nullptr;
    std::byte* loss_mask = nullptr;
    std::vector<MadeExtra> extras;
    std::vector<Length> target_items;                          // of each span, where there is another side
    std::vector<std::int32_t> cu_seqlens;                      // varlen
    std::int32_t max_seqlen = 0;                               // varlen
    std::vector<std::int32_t> target_cu_seqlens;               // varlen, of the other side
    std::int32_t target_max_seqlen = 0;                        // varlen, of the other side
    std::array<std::int64_t, kMostCounts> objective_counts{};  // what its objective counted
};

// Bytes that the token arrays of `items` items take at most, those of an objective among them.
[[nodiscard]] std::size_t batch_bytes(std::int64_t items, const BatchFormat& format);

// Fills one batch. Throws like resolve_rows and fill_padded, and std::invalid_argument if outside memory,
// pad_to or max_documents are too small. `now`: of look_clock, which takes as long as a few spans.
// `objective`: put on the batch, where there is one.
[[nodiscard]] MadeBatch make_batch(std::span<const SequenceSource> sources, std::span<const RowRef> rows,
                                   std::int64_t row_length, const BatchFormat& format, BufferPool& pool,
                                   OutsideMemory outside, int num_threads, std::int64_t now,
                                   const Objective* objective);

}  // namespace pypack
