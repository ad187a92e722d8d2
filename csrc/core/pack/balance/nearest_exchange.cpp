#include "pack/balance/nearest_exchange.hpp"

#include <algorithm>
#include <cmath>
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

// The dearest and first of `takes` that some choice of `gives` is `distance` from, on either side of the gap.
PYPACK_SIMD_CLONES std::size_t reached(const std::int64_t* gives, std::size_t num_gives,
                                       const std::int64_t* takes, std::size_t num_takes, std::int64_t gap,
                                       std::int64_t distance) {
    std::size_t take = 0;
    std::int64_t dearest = -1;
    for (std::size_t i = 0; i < num_takes; ++i) {
        if (takes[i] <= dearest) continue;
        const std::int64_t middle = takes[i] + gap;
        bool any = false;
        for (std::size_t g = 0; g < num_gives; ++g) {
            any |= gives[g] == middle + distance || gives[g] == middle - distance;
        }
        if (any) {
            take = i;
            dearest = takes[i];
        }
    }
    return take;
}

// The items of choice `index` of those that `sums` has listed.
NearestExchange::Choice choice_at(std::size_t index, std::size_t count, bool pairs) {
    if (!pairs) return {index, index};
    std::size_t first = 0;
    for (std::size_t seconds = count - 1; index >= seconds; --seconds) {
        index -= seconds;
        ++first;
    }
    return {first, first + 1 + index};
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
    for (std::size_t place = 0; place < items.rising.size(); ++place) {
        const std::size_t rank = RankKey::rank(items.rising[place]);
        const std::int64_t both = most + items.loads[rank];
        // No exchange leaves the slower of two below their mean.
        if (both > least) break;
        // What is as good as the best so far counts if its rank comes before.
        const std::int64_t below = least - both + (rank < found.partner && found.partner != kNone ? 1 : 0);
        if (rank == slowest || below <= 0) continue;
        const std::int64_t* takes = items.of_rank(rank).data();
        std::size_t num_takes = items.count;
        if (pairs) {
            sums(items.of_rank(rank), pairs, takes_);
            takes = takes_.data();
            num_takes = takes_.size();
        }
        const std::int64_t distance =
            least_distance(gives_.data(), gives_.size(), takes, num_takes, most - items.loads[rank], below);
        if (distance >= below) continue;
        least = both + distance;
        found.partner = rank;
        found.place = place;
    }
    if (found.partner != kNone) {
        choose(items, slowest, pairs, least - most - items.loads[found.partner], found);
    }
    return found;
}

// Which choices of the two ranks are so far from even.
void NearestExchange::choose(const Items& items, std::size_t slowest, bool pairs, std::int64_t distance,
                             Exchange& out) {
    const std::int64_t gap = items.loads[slowest] - items.loads[out.partner];
    sums(items.of_rank(out.partner), pairs, takes_);
    const std::size_t take =
        reached(gives_.data(), gives_.size(), takes_.data(), takes_.size(), gap, distance);
    std::size_t above = kNone;
    std::size_t below = kNone;
    for (std::size_t i = 0; i < gives_.size(); ++i) {
        const std::int64_t away = gives_[i] - takes_[take] - gap;
        if (away == distance && away > 0) above = i;
        if (away == -distance && below == kNone) below = i;
    }
    const std::size_t give = above != kNone ? above : below;
    out.take = choice_at(take, items.count, pairs);
    out.give = choice_at(give, items.count, pairs);
    out.moved = (gives_[give] - takes_[take]) / 2;
}

}  // namespace pypack
