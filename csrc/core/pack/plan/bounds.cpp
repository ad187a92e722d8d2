#include "pack/plan/bounds.hpp"

#include <algorithm>

namespace pypack {

std::int64_t martello_toth_bound(std::span<const std::int64_t> counts) {
    const auto capacity = static_cast<std::int64_t>(counts.size()) - 1;
    const std::int64_t half = capacity / 2;
    std::int64_t long_pieces = 0;  // longer than half: one sequence each
    for (std::int64_t v = half + 1; v <= capacity; ++v) long_pieces += counts[static_cast<std::size_t>(v)];

    // For a threshold t: pieces longer than capacity - t leave no room for those of at least t, so these must
    // fit behind the other long pieces or take sequences of their own. t falls, so that both sums grow.
    std::int64_t bound = long_pieces;
    std::int64_t medium_units = 0;    // pieces from t to half
    std::int64_t room_behind = 0;     // behind pieces longer than half and at most capacity - t
    std::int64_t reached = half + 1;  // long pieces below this are in room_behind
    for (std::int64_t t = half; t >= 0; --t) {
        medium_units += t * counts[static_cast<std::size_t>(t)];
        for (; reached <= capacity - t; ++reached) {
            room_behind += (capacity - reached) * counts[static_cast<std::size_t>(reached)];
        }
        const std::int64_t excess = medium_units - room_behind;
        if (excess > 0) bound = std::max(bound, long_pieces + (excess + capacity - 1) / capacity);
    }
    return bound;
}

}  // namespace pypack
