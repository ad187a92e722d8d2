// The strategies that take documents in their order and close one sequence after the other.
#pragma once

#include <span>

#include "pack/plan/plan_arrays.hpp"

namespace pypack {

// What concat-and-chunk does where a document meets the end of a sequence.
enum class Border : std::uint8_t {
    cross,     // the document goes on at the start of the next sequence
    truncate,  // its tail is counted as truncated, and the next sequence starts with the next document
};

// Concatenates the documents and cuts the stream into sequences. The overflow policy is applied before, to
// whole documents; under `split` it has nothing left to do, because the cuts split them.
[[nodiscard]] PlanArrays concat(std::span<const Length> lengths, const PackOptions& options, Border border);

// Next fit: a piece that does not fit into the open sequence closes it and begins the next.
[[nodiscard]] PlanArrays next_fit(std::span<const Length> lengths, const PackOptions& options);

// One piece a sequence.
[[nodiscard]] PlanArrays pad(std::span<const Length> lengths, const PackOptions& options);

}  // namespace pypack
