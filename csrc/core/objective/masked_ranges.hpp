// Masked language modelling of ranges that are known beforehand, such as the names in a text.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "objective/objective.hpp"
#include "objective/replacement.hpp"
#include "objective/token_set.hpp"

namespace pypack {

// Tokens bounds[2 * i] .. bounds[2 * i + 1] are range i of a store; those of document d are ranges offsets[d]
// .. offsets[d + 1]. Within a document they rise and do not overlap.
struct DocumentRanges {
    std::span<const std::int64_t> offsets;
    std::span<const std::int32_t> bounds;
};

// Every range of a document that lies in the span is chosen with the same chance, in units of 2^-32: one of
// its tokens, or with `whole` all of them, but for those that `never` holds or that are not to be learned.
// Other tokens are not chosen. `ranges`: of every store, by its number; their memory must stay.
[[nodiscard]] std::shared_ptr<Objective> masked_ranges(std::uint64_t chance, bool whole,
                                                       const Replacement& replacement, TokenSet never,
                                                       std::vector<DocumentRanges> ranges);

}  // namespace pypack
