// Spans of mapped stores to the arrays of a batch, widened in the same pass.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "batch/sequence_source.hpp"
#include "common/types.hpp"
#include "store/token_dtype.hpp"

namespace pypack {

// Arrays of a batch; a null pointer leaves one out. Id is std::int64_t or std::int32_t.
//   input_ids     the tokens
//   labels        unshifted; kIgnoreLabel at the first token of each span, at masked tokens and at padding
//   position_ids  0, 1, ... from the start of each span, or of each row; 0 at padding
//   segment_ids   1, 2, ... for the spans of a row; 0 at padding
//   loss_mask     0 where the label is kIgnoreLabel, else 1
template <typename Id>
struct TokenArrays {
    Id* input_ids = nullptr;
    Id* labels = nullptr;
    Id* position_ids = nullptr;
    Id* segment_ids = nullptr;
    float* loss_mask = nullptr;
};

template <typename Id>
struct FillOptions {
    Id pad_id = 0;
    bool positions_by_row = false;
    // For an objective that writes them: the labels of spans without masks are all kIgnoreLabel, those of
    // other spans have the first token, too, which no token before it could foretell.
    bool leaves_labels = false;
    // With `write_labels`: it writes the ids of spans, too, where leaves_tokens() says so.
    bool leaves_tokens = false;
    // Where there is one: called with the number of a span as soon as its tokens are there, and labels where
    // it has masks, while they are in the cache. It writes all labels of the span and its loss mask;
    // positions and segments are not there yet.
    std::function<void(std::int64_t)> write_labels{};
};

// Whether an objective that takes tokens from the store is left those of a span.
[[nodiscard]] inline bool leaves_tokens(const ResolvedSpan& span, TokenDtype dtype) {
    return !has_masks(span) && (dtype == TokenDtype::kUint16 || dtype == TokenDtype::kInt32);
}

// One row of `row_length` items a resolved row, padded at the end. Throws std::invalid_argument for a row
// with more tokens than that.
template <typename Id>
void fill_padded(std::span<const TokenDtype> dtypes, const ResolvedRows& rows, std::int64_t row_length,
                 const FillOptions<Id>& options, const TokenArrays<Id>& out, int num_threads);

// All spans end to end, each in its aligned room, then padding up to `num_items` (at least rows.num_items)
// items an array; segment_ids count through the whole batch.
template <typename Id>
void fill_varlen(std::span<const TokenDtype> dtypes, const ResolvedRows& rows, std::int64_t num_items,
                 const FillOptions<Id>& options, const TokenArrays<Id>& out, int num_threads);

// The borders of the spans in a varlen batch of `num_items` items: the prefix sums of their rooms, and, where
// the rooms end before num_items, those of segments of padding, `row_length` items each but the last: so that
// no segment is longer than a row, and attention over padding costs no more. `max_segments` above 0: the last
// border is repeated (segments without items) until there are so many segments. Throws std::overflow_error
// for more than 2^31-1 items, std::invalid_argument for more segments than max_segments.
[[nodiscard]] std::vector<std::int32_t> span_borders(const ResolvedRows& rows, std::int64_t num_items,
                                                     std::int64_t row_length, std::int64_t max_segments);

}  // namespace pypack
