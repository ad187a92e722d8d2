// The second pass of bulk packing: the plan that placements make of the documents.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "pack/best_fit/piece_counts.hpp"
#include "pack/best_fit/placements.hpp"
#include "pack/plan/plan_arrays.hpp"

namespace pypack {

// With a seed, documents of equal units take their places in golden-stride order instead of input order, so
// that those that stand together in the corpus do not share a sequence, and the sequences come in such an
// order; without one, both stand in input order.
[[nodiscard]] PlanArrays write_plan(std::span<const Length> lengths, const PackOptions& options,
                                    const PieceCounts& piece_counts, const Placements& placements,
                                    std::optional<std::uint64_t> seed, int num_threads);

}  // namespace pypack
