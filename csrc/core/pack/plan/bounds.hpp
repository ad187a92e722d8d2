// What no packing can beat.
#pragma once

#include <cstdint>
#include <span>

namespace pypack {

// The bound L2 of Martello and Toth (1990, "Lower bounds and reduction procedures for the bin packing
// problem"): the fewest sequences of `counts.size() - 1` units that hold counts[v] pieces of v units each. It
// sees that two pieces longer than half never share a sequence, which ceil(sum / capacity) does not.
[[nodiscard]] std::int64_t martello_toth_bound(std::span<const std::int64_t> counts);

}  // namespace pypack
