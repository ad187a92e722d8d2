// Prompts in memory, packed for prefill: where each one lies, and the borders that attention must keep.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "batch/sequence_source.hpp"
#include "common/types.hpp"
#include "pack/plan/plan_view.hpp"

namespace pypack {

// The tokens of every row of a plan over prompts values[offsets[p] .. offsets[p + 1]), as fill.hpp takes them
// with one source of type int32. Throws std::invalid_argument for a span that is not a whole prompt (the
// cache of a prompt's later part would need that of its earlier part), for a prompt in two spans, and for a
// token id above 2^31-1; std::out_of_range for a prompt that does not exist.
[[nodiscard]] ResolvedRows resolve_prompts(std::span<const TokenId> values, std::span<const Offset> offsets,
                                           const PlanView& plan);

struct PromptPlaces {
    std::vector<std::int64_t> row;         // [P], -1 for a prompt that is in no row
    std::vector<std::int64_t> start;       // [P], in its row; 0 for a prompt that is in no row
    std::vector<std::int32_t> cu_seqlens;  // the last is rows * row_length: a row's padding is a segment too
    std::int32_t max_seqlen = 0;           // of all segments
};

// row_length 0: all spans end to end in one row. Throws std::overflow_error for more than 2^31-1 items.
[[nodiscard]] PromptPlaces place_prompts(const ResolvedRows& rows, std::int64_t num_prompts,
                                         std::int64_t row_length);

}  // namespace pypack
