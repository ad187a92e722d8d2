// A store and a plan over it: the rows that a batch is filled with.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/types.hpp"
#include "common/watched_file.hpp"
#include "pack/plan/plan_view.hpp"
#include "store/remote/cached_files.hpp"
#include "store/store_view.hpp"
#include "store/token_dtype.hpp"

namespace pypack {

// Tokens start .. stop of a document.
struct TokenRange {
    std::int32_t start;
    std::int32_t stop;
};

struct SequenceSource {
    std::shared_ptr<const StoreView> store;
    PlanView plan;
    // Where not empty, the plan was made for a selection: its document i is documents[i] of the store.
    std::span<const std::int64_t> documents;
    // A span takes up a multiple of this many tokens of its row (Plan.align); padding follows it.
    Length align = 1;
    // Where not empty, the tokens of document d that are not to be learned are
    // masks[mask_offsets[d]] .. masks[mask_offsets[d + 1]].
    std::span<const std::int64_t> mask_offsets;
    std::span<const TokenRange> masks;
    // Also those that the store's own loss mask says.
    bool uses_store_mask = false;
    // Of the draws of an objective, see BatchObjective.
    std::uint64_t objective_key = 0;
    std::int32_t objective_store = 0;  // the number of its store, as an objective counts them
    // What the plan's arrays are mapped from; null where they are in memory.
    std::shared_ptr<const WatchedFiles> plan_files;
    // What they are cached in; null where they are of this host.
    std::shared_ptr<const CachedFiles> cached_plan;

    // Throws std::invalid_argument if the plan's files are found to have been cut. `now`: of look_clock.
    void look_at_plan(std::int64_t now) const {
        if (plan_files) plan_files->look(now);
    }
};

// One row of a batch: a sequence of one of the loader's sources.
struct RowRef {
    std::int32_t source;
    std::int64_t epoch;     // that it was drawn in
    std::int64_t sequence;  // or kEmptyRow
};

// A row without a span, all padding.
inline constexpr std::int64_t kEmptyRow = -1;

// A span whose tokens have been found and checked to lie inside their document.
struct ResolvedSpan {
    const std::byte* tokens;
    std::int64_t document;
    std::int32_t length;
    std::int32_t room;  // length, rounded up to the plan's alignment
    std::int32_t source;
    std::int32_t start = 0;               // in the document
    std::span<const TokenRange> masks{};  // of the document
    const std::byte* mask = nullptr;      // bits of a loss mask, or null
    std::int64_t first_bit = 0;           // of the span
    bool literal = false;                 // of the plan: `tokens` are int32, document is kNoDocument
    bool continues = false;               // the segment of the span before it in its row
};

inline constexpr std::int64_t kNoDocument = -1;

// Whether some tokens may not be learned.
[[nodiscard]] inline bool has_masks(const ResolvedSpan& span) {
    return span.mask != nullptr || !span.masks.empty();
}

[[nodiscard]] inline TokenDtype dtype_of(const ResolvedSpan& span, std::span<const TokenDtype> dtypes) {
    return span.literal ? TokenDtype::kInt32 : dtypes[static_cast<std::size_t>(span.source)];
}

// The spans of all rows, row after row.
struct ResolvedRows {
    std::vector<ResolvedSpan> spans;
    std::vector<std::int64_t> first_span;  // [rows+1]
    std::vector<std::int64_t> row_room;    // [rows], of its spans
    // [rows], segments of the rows before it; empty: every span is one, and first_span has them.
    std::vector<std::int64_t> first_segment;
    std::int64_t num_tokens = 0;
    std::int64_t num_items = 0;  // tokens and the padding that alignment puts behind spans
    std::int32_t longest_room = 0;
};

// Finds the tokens of every span of every row, and asks the memory for them ahead of the copy. Throws
// std::out_of_range for a source, sequence or document that does not exist, and std::invalid_argument for a
// span that does not lie inside its document. `now`: of look_clock.
[[nodiscard]] ResolvedRows resolve_rows(std::span<const SequenceSource> sources, std::span<const RowRef> rows,
                                        std::int64_t now);

}  // namespace pypack
