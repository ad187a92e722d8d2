// A store and a plan over it: the rows that a batch is filled with.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/types.hpp"
#include "pack/plan_view.hpp"
#include "store/store_view.hpp"

namespace pypack {

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
