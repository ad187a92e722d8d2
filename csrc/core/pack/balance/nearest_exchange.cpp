#include "pack/balance/nearest_exchange.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "common/simd.hpp"

namespace pypack {

namespace {

using Lanes = std::int64_t __attribute__((vector_size(64)));  // side by side
constexpr std::size_t kLanes = sizeof(Lanes) / sizeof(std::int64_t);
constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max() / 4;

// The least distance of a difference of costs, twice, from `gap`, if it is below `below`, else that. `gives`
// are whole vectors.
PYPACK_SIMD_CLONES std::int64_t least_distance(const std::int64_t* gives, std::size_t num_gives,
                                               const std::int64_t* takes, std::size_t num_takes,
                                               std::int64_t gap, std::int64_t below) {
    Lanes least = Lanes{} + below;
    for (std::size_t first = 0; first < num_gives; first += kLanes) {
        Lanes give;
        std::memcpy(&give, gives + first, sizeof(give));
        give -= gap;
        for (std::size_t take = 0; take < num_takes; ++take) {
            const Lanes away = give - takes[take];
            const Lanes distance = away < 0 ? -away : away;
            least = distance < least ? distance : least;
        }
    }
    std::int64_t each[kLanes];
    std::memcpy(each, &least, sizeof(least));
    for (std::size_t lanes = kLanes / 2; lanes > 0; lanes /= 2) {
        for (std::size_t i = 0; i < lanes; ++i) each[i] = std::min(each[i], each[i + lanes]);
    }
    return each[0];
}

// All that may be exchanged of one rank, twice its cost.
void sums(std::span<const std::int64_t> costs, bool pairs, std::vector<std::int64_t>& out) {
    if (!pairs) return out.assign(costs.begin(), costs.end());
    out.resize(costs.size() * (costs.size() - 1) / 2);
    std::int64_t* next = out.data();
    for (std::size_t i = 0; i < costs.size(); ++i) {
        for (std::size_t j = i + 1; j < costs.size(); ++j) *next++ = costs[i] + costs[j];
    }
}

// Calls `each` with every choice, in the order of their items.
template <typename Each>
void for_choices(std::span<const std::int64_t> costs, bool pairs, Each&& each) {
    for (std::size_t i = 0; i < costs.size(); ++i) {
        if (!pairs) each(NearestExchange::Choice{i, i, costs[i]});
        for (std::size_t j = i + 1; pairs && j < costs.size(); ++j) {
            each(NearestExchange::Choice{i, j, costs[i] + costs[j]});
        }
    }
}

// Which choices of the two ranks are `distance` from even.
void choose(std::span<const std::int64_t> gives, std::span<const std::int64_t> takes, bool pairs,
            std::int64_t gap, std::int64_t distance, NearestExchange::Exchange& out) {
    out.take.cost = -1;
    for_choices(takes, pairs, [&](const NearestExchange::Choice& take) {
        if (take.cost <= out.take.cost) return;
        bool reaches = false;
        for_choices(gives, pairs, [&](const NearestExchange::Choice& give) {
            reaches |= std::abs(give.cost - take.cost - gap) == distance;
        });
        if (reaches) out.take = take;
    });
    bool is_above = false;
    bool is_found = false;
    for_choices(gives, pairs, [&](const NearestExchange::Choice& give) {
        const std::int64_t away = give.cost - out.take.cost - gap;
        if (std::abs(away) != distance || (is_found && (is_above || away <= 0) && away <= 0)) return;
        is_found = true;
        is_above = away > 0;
        out.give = give;
    });
}

}  // namespace

// The sum of what both ranks have after an exchange is that before; it is the nearer to even the nearer the
// difference of the items' costs is to half the gap between the ranks. So the slower one has, twice, that sum
// and twice the distance: all of it in whole numbers.
NearestExchange::Exchange NearestExchange::find(const Items& items, std::size_t slowest, bool pairs,
                                                double enough) {
    sums(items.of_rank(slowest), pairs, gives_);
    gives_.resize((gives_.size() + kLanes - 1) / kLanes * kLanes, kFar);
    const std::int64_t most = items.loads[slowest];
    auto least = static_cast<std::int64_t>(std::ceil(2 * enough));
    Exchange found;
    const auto look = [&](std::size_t rank) {
        const std::int64_t both = most + items.loads[rank];
        // What is as good as the best so far counts if its rank comes before.
        const std::int64_t below = least - both + (rank < found.partner && found.partner != kNone ? 1 : 0);
        if (rank == slowest || below <= 0) return;
        const std::int64_t gap = most - items.loads[rank];
        const std::int64_t* takes = items.of_rank(rank).data();
        std::size_t num_takes = items.count;
        if (pairs) {
            sums(items.of_rank(rank), pairs, takes_);
            takes = takes_.data();
            num_takes = takes_.size();
        }
        const std::int64_t distance =
            least_distance(gives_.data(), gives_.size(), takes, num_takes, gap, below);
        if (distance >= below) return;
        least = both + distance;
        found.partner = rank;
    };
    // No exchange leaves the slower of two below their mean, so that most ranks need no look once that with
    // the least to do has had it.
    const auto lightest = static_cast<std::size_t>(
        std::min_element(items.loads.begin(), items.loads.end()) - items.loads.begin());
    look(lightest);
    for (std::size_t rank = 0; rank < items.loads.size(); ++rank) {
        if (rank != lightest) look(rank);
    }
    if (found.partner == kNone) return found;
    const std::int64_t other = items.loads[found.partner];
    choose(items.of_rank(slowest), items.of_rank(found.partner), pairs, most - other, least - most - other,
           found);
    return found;
}

}  // namespace pypack
