#include "pack/balance/whole_step.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/interrupt.hpp"
#include "common/simd.hpp"

namespace pypack {

namespace {

constexpr std::size_t kMostRanks = LeastLoadedWhole::kMostRanks;
constexpr std::size_t kMostItems = 64;    // of a rank; of more, few pairs matter
constexpr std::size_t kMostCounted = 128;  // keys that are sorted by counting
constexpr std::size_t kMostForPairs = 8;   // micro-batches; with more, single exchanges are enough
constexpr std::uint64_t kOut = LeastLoadedWhole::kOut;

using Lanes = std::int64_t __attribute__((vector_size(64)));  // side by side
constexpr std::size_t kLanes = sizeof(Lanes) / sizeof(std::int64_t);

// Copies keys, of which no two are equal, to `rising`, the least first. The place of a key is how many are
// below it: no comparison waits for another. `keys` has room for whole vectors, filled up with kOut.
PYPACK_SIMD_CLONES void sort_by_counting(const std::uint64_t* keys, std::size_t n, std::uint64_t* rising) {
    for (std::size_t first = 0; first < n; first += kLanes) {
        Lanes own;
        std::memcpy(&own, keys + first, sizeof(own));
        Lanes below{};
        for (std::size_t i = 0; i < n; ++i) below -= static_cast<std::int64_t>(keys[i]) < own;
        std::int64_t places[kLanes];
        std::memcpy(places, &below, sizeof(below));
        for (std::size_t i = 0; i < kLanes && first + i < n; ++i) rising[places[i]] = keys[first + i];
    }
}

}  // namespace

bool WholeStep::fits(double dearest, std::size_t ranks, std::size_t micro_batches) {
    constexpr double kExact = 2251799813685248.0;  // 2^51, so that halves and sums of two are exact, too
    return ranks <= kMostRanks && micro_batches <= kMostItems &&
           dearest * static_cast<double>(micro_batches) < kExact;
}

void WholeStep::deal_out(std::span<const std::int64_t> costs, std::size_t ranks, double even) {
    ranks_ = ranks;
    micro_batches_ = costs.size() / ranks;
    places_.resize(costs.size());
    costs_.resize(costs.size());
    loads_.assign(ranks, 0);
    filled_.assign(ranks, 0);
    match(costs);
    if (micro_batches_ > 1) swap_until_even(even);
}

// Each to the rank that has the least so far, and room. Where costs are much alike, that is round after round
// one to every rank, so that ranks are sorted by their loads once a round.
void WholeStep::match(std::span<const std::int64_t> costs) {
    keys_.resize(ranks_);
    for (std::size_t rank = 0; rank < ranks_; ++rank) keys_[rank] = rank;
    std::size_t next = 0;
    if (ranks_ <= kMostCounted) {
        while (next < costs.size()) {
            const std::size_t open = keys_.size();
            const std::size_t dealt = match_round(costs, next);
            next += dealt;
            if (4 * dealt < open) break;
        }
    }
    if (next < costs.size()) match_rest(costs, next);
    for (std::size_t i = 0; i < places_.size(); ++i) costs_[i] = 2 * costs[places_[i]];
}

// As long as nobody who has got one would get the next. Returns how many were dealt.
std::size_t WholeStep::match_round(std::span<const std::int64_t> costs, std::size_t next) {
    const std::size_t open = keys_.size();
    rising_.resize(open);
    keys_.resize((open + kLanes - 1) / kLanes * kLanes, kOut);
    sort_by_counting(keys_.data(), open, rising_.data());
    std::uint64_t lowest = kOut;
    std::size_t dealt = 0;
    bool any_full = false;
    for (; dealt < open && rising_[dealt] < lowest; ++dealt) {
        std::uint64_t& key = rising_[dealt];
        const std::size_t rank = key % kMostRanks;
        key += static_cast<std::uint64_t>(costs[next + dealt]) * kMostRanks;
        if (give(rank, next + dealt, key)) {
            key = kOut;
            any_full = true;
        } else {
            lowest = std::min(lowest, key);
        }
    }
    keys_.swap(rising_);
    if (any_full) keys_.erase(std::remove(keys_.begin(), keys_.end(), kOut), keys_.end());
    return dealt;
}

// The rest one by one: who gets it cannot be told for many at a time, as where costs are 0.
void WholeStep::match_rest(std::span<const std::int64_t> costs, std::size_t next) {
    least_.start(keys_, ranks_);
    for (; next < costs.size(); ++next) {
        const std::uint64_t key = least_.key() + static_cast<std::uint64_t>(costs[next]) * kMostRanks;
        least_.replace(give(key % kMostRanks, next, key) ? LeastLoadedWhole::kOut : key);
    }
}

// Returns whether the rank has no more room; then its key is its load.
bool WholeStep::give(std::size_t rank, std::size_t place, std::uint64_t key) {
    const std::uint32_t at = filled_[rank]++;
    places_[rank * micro_batches_ + at] = static_cast<std::uint32_t>(place);
    const bool is_full = at + 1 == micro_batches_;
    if (is_full) loads_[rank] = static_cast<std::int64_t>(key / kMostRanks);
    return is_full;
}

// See LongestFirst::swap_until_even.
void WholeStep::swap_until_even(double even) {
    double total = 0;
    for (const std::int64_t load : loads_) total += static_cast<double>(load);
    const double enough = total / static_cast<double>(ranks_) * even;
    sort_ranks();
    for (std::size_t turn = 0; turn < 4 * ranks_; ++turn) {
        check_interrupt();
        const std::size_t slowest = rising_ranks_.back();
        const auto most = static_cast<double>(loads_[slowest]);
        if (most <= enough) return;
        const NearestExchange::Items items{costs_, micro_batches_, loads_, rising_ranks_};
        auto best = nearest_.find(items, slowest, false, most * (1 - 1e-9));
        const bool pairs = best.partner == NearestExchange::kNone && micro_batches_ <= kMostForPairs;
        if (pairs) best = nearest_.find(items, slowest, true, most * (1 - 1e-9));
        if (best.partner == NearestExchange::kNone) return;
        exchange(slowest, best.give.first, best.partner, best.take.first);
        if (pairs) exchange(slowest, best.give.second, best.partner, best.take.second);
        loads_[slowest] -= best.moved;
        loads_[best.partner] += best.moved;
        for (const std::size_t rank : {slowest, best.partner}) {
            settle(rank);
            settle_rank(rank);
        }
    }
}

// Of equal loads the lower rank is last, where it counts as the slowest.
void WholeStep::sort_ranks() {
    keys_.resize((ranks_ + kLanes - 1) / kLanes * kLanes, kOut);
    for (std::size_t rank = 0; rank < ranks_; ++rank) {
        keys_[rank] = static_cast<std::uint64_t>(loads_[rank]) * kMostRanks + (kMostRanks - 1 - rank);
    }
    rising_.resize(ranks_);
    if (ranks_ <= kMostCounted) {
        sort_by_counting(keys_.data(), ranks_, rising_.data());
    } else {
        std::partial_sort_copy(keys_.begin(), keys_.begin() + static_cast<std::ptrdiff_t>(ranks_),
                               rising_.begin(), rising_.end());
    }
    rising_ranks_.resize(ranks_);
    for (std::size_t i = 0; i < ranks_; ++i) {
        rising_ranks_[i] = static_cast<std::uint32_t>(kMostRanks - 1 - rising_[i] % kMostRanks);
    }
}

// Moves a rank to where its load belongs now.
void WholeStep::settle_rank(std::size_t rank) {
    const auto is_above = [this](std::size_t a, std::size_t b) {
        return loads_[a] != loads_[b] ? loads_[a] > loads_[b] : a < b;
    };
    auto at = static_cast<std::size_t>(std::find(rising_ranks_.begin(), rising_ranks_.end(), rank) -
                                       rising_ranks_.begin());
    for (; at > 0 && is_above(rising_ranks_[at - 1], rank); --at) rising_ranks_[at] = rising_ranks_[at - 1];
    for (; at + 1 < ranks_ && is_above(rank, rising_ranks_[at + 1]); ++at) {
        rising_ranks_[at] = rising_ranks_[at + 1];
    }
    rising_ranks_[at] = static_cast<std::uint32_t>(rank);
}

void WholeStep::exchange(std::size_t rank, std::size_t item, std::size_t other, std::size_t others) {
    std::swap(places_[rank * micro_batches_ + item], places_[other * micro_batches_ + others]);
    std::swap(costs_[rank * micro_batches_ + item], costs_[other * micro_batches_ + others]);
}

// Few of a rank's items are not where they belong.
void WholeStep::settle(std::size_t rank) {
    std::uint32_t* const places = places_.data() + rank * micro_batches_;
    std::int64_t* const costs = costs_.data() + rank * micro_batches_;
    for (std::size_t i = 1; i < micro_batches_; ++i) {
        for (std::size_t at = i; at > 0 && places[at] < places[at - 1]; --at) {
            std::swap(places[at], places[at - 1]);
            std::swap(costs[at], costs[at - 1]);
        }
    }
}

}  // namespace pypack
