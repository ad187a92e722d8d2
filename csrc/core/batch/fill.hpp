// Spans of mapped stores to the arrays of a batch, widened in the same pass.
#pragma once

#include <cstdint>
#include <span>

#include "batch/sequence_source.hpp"
#include "common/types.hpp"
#include "store/token_dtype.hpp"

namespace pypack {

// Arrays of a batch; a null pointer leaves one out. Id is std::int64_t or std::int32_t.
//   input_ids     the tokens
//   labels        unshifted; kIgnoreLabel at the first token of each span and at padding
//   position_ids  0, 1, ... from the start of each span; 0 at padding
//   segment_ids   1, 2, ... for the spans of a row; 0 at padding
template <typename Id>
struct TokenArrays {
    Id* input_ids = nullptr;
    Id* labels = nullptr;
    Id* position_ids = nullptr;
    Id* segment_ids = nullptr;
};

// dtypes[s] is the type of the tokens of source s.
//
// One row of `row_length` items a resolved row, padded at the end with `pad_id`. Throws std::invalid_argument
// for a row with more tokens than that.
template <typename Id>
void fill_padded(std::span<const TokenDtype> dtypes, const ResolvedRows& rows, std::int64_t row_length,
                 Id pad_id, const TokenArrays<Id>& out, int num_threads);

// All spans end to end, each in its aligned room: rows.num_items items an array, segment_ids counting through
// the whole batch. cu_seqlens [spans+1] gets the prefix sums of the spans' rooms; throws std::overflow_error
// for a total above 2^31-1.
template <typename Id>
void fill_varlen(std::span<const TokenDtype> dtypes, const ResolvedRows& rows, Id pad_id,
                 const TokenArrays<Id>& out, std::span<std::int32_t> cu_seqlens, int num_threads);

}  // namespace pypack
