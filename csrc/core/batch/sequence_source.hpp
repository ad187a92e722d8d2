// A store and a plan over it: the rows that a batch is filled with.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/types.hpp"
#include "store/store_view.hpp"

namespace pypack {

// The arrays of a plan (DESIGN.md section 5): sequence s holds the spans sequence_offsets[s] ..
// sequence_offsets[s+1]. They come from files, so nothing about their content is taken for granted.
struct PlanView {
    std::span<const std::int64_t> sequence_offsets;  // [S+1]
    std::span<const std::int64_t> span_document;     // [N]
    std::span<const std::int32_t> span_start;        // [N]
    std::span<const std::int32_t> span_length;       // [N]

    [[nodiscard]] std::int64_t num_sequences() const {
        return static_cast<std::int64_t>(sequence_offsets.size()) - 1;
    }
};

struct SequenceSource {
    std::shared_ptr<const StoreView> store;
    PlanView plan;
};

// One row of a batch: a sequence of one of the loader's sources.
struct RowRef {
    std::int32_t source;
    std::int64_t sequence;
};

// A span whose tokens have been found and checked to lie inside their document.
struct ResolvedSpan {
    const std::byte* tokens;
    std::int64_t document;
    std::int32_t length;
    std::int32_t source;
};

// The spans of all rows, row after row.
struct ResolvedRows {
    std::vector<ResolvedSpan> spans;
    std::vector<std::int64_t> first_span;  // [rows+1]
    std::vector<std::int64_t> row_tokens;  // [rows]
    std::int64_t num_tokens = 0;
    std::int32_t longest_span = 0;
};

// Finds the tokens of every span of every row, and asks the memory for them ahead of the copy. Throws
// std::out_of_range for a source, sequence or document that does not exist, and std::invalid_argument for a
// span that does not lie inside its document.
[[nodiscard]] ResolvedRows resolve_rows(std::span<const SequenceSource> sources,
                                        std::span<const RowRef> rows);

}  // namespace pypack
