#include "pack/balance/nearest_exchange.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "common/simd.hpp"

namespace pypack {

namespace {

// Whole numbers side by side.
#if defined(__GNUC__)
using Lanes = std::int64_t __attribute__((vector_size(64)));
#else
using Lanes = std::int64_t;
#endif
constexpr std::size_t kLanes = sizeof(Lanes) / sizeof(std::int64_t);
constexpr std::size_t kMost = NearestExchange::kMostItems;
static_assert(kMost % kLanes == 0);

// The sum of what both ranks have after an exchange is that before; it is the nearer to even the nearer the
// difference of the items' costs is to half the gap between the ranks. So the slower one has, twice, that sum
// and twice the distance: all of it in whole numbers.
PYPACK_SIMD_CLONES std::size_t nearest(const std::int64_t* costs, const std::int64_t* loads,
                                       std::size_t ranks, std::size_t count, std::size_t slowest,
                                       std::int64_t enough) {
    constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max() / 4;
    std::int64_t gives[kMost];  // twice
    for (std::size_t i = 0; i < kMost; ++i) gives[i] = i < count ? 2 * costs[slowest * count + i] : kFar;
    std::size_t found = NearestExchange::kNone;
    for (std::size_t rank = 0; rank < ranks; ++rank) {
        const std::int64_t both = loads[slowest] + loads[rank];
        if (rank == slowest || both >= enough) continue;
        const std::int64_t gap = loads[slowest] - loads[rank];
        const std::int64_t* const takes = costs + rank * count;
        Lanes least = Lanes{} + kFar;
        for (std::size_t first = 0; first < count; first += kLanes) {
            Lanes give;
            std::memcpy(&give, gives + first, sizeof(give));
            for (std::size_t take = 0; take < count; ++take) {
                const Lanes away = give - (2 * takes[take] + gap);
                const Lanes distance = away < 0 ? -away : away;
                least = distance < least ? distance : least;
            }
        }
        std::int64_t each[kLanes];
        std::memcpy(each, &least, sizeof(least));
        const std::int64_t distance = *std::min_element(each, each + kLanes);
        if (both + distance < enough) {
            enough = both + distance;
            found = rank;
        }
    }
    return found;
}

}  // namespace

std::size_t NearestExchange::partner(std::size_t slowest, double enough) const {
    return nearest(costs_.data(), loads_.data(), loads_.size(), count_, slowest,
                   static_cast<std::int64_t>(std::ceil(2 * enough)));
}

}  // namespace pypack
