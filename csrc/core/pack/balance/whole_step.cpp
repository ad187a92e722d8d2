#include "pack/balance/whole_step.hpp"

#include <algorithm>
#include <utility>

#include "common/interrupt.hpp"
#include "pack/balance/sort_vectors.hpp"

namespace pypack {

namespace {

constexpr std::size_t kMostRanks = LeastLoadedWhole::kMostRanks;
constexpr std::size_t kMostItems = 64;      // of a rank; of more, few pairs matter
constexpr std::size_t kMostByRounds = 128;  // ranks that are sorted once a round
constexpr std::size_t kMostForPairs = 8;    // micro-batches; with more, single exchanges are enough
constexpr std::uint64_t kOut = LeastLoadedWhole::kOut;
using RankKey = NearestExchange::RankKey;

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
    if (ranks_ <= kMostByRounds) {
        for (; next + ranks_ < costs.size() && match_whole_round(costs, next); next += ranks_) {
            // Where costs are equal they are in order still.
            if (!std::is_sorted(keys_.begin(), keys_.end())) sort_few_keys(keys_);
        }
        while (next < costs.size()) {
            const std::size_t open = keys_.size();
            const std::size_t dealt = match_round(costs, next);
            next += dealt;
            if (4 * dealt < open) break;
            sort_few_keys(keys_);
        }
    }
    if (next < costs.size()) match_rest(costs, next);
    for (std::size_t i = 0; i < places_.size(); ++i) costs_[i] = 2 * costs[places_[i]];
}

// One to every rank, where all have as many and get one more before any gets its last; the least key first.
// Returns whether that is right.
bool WholeStep::match_whole_round(std::span<const std::int64_t> costs, std::size_t next) {
    std::uint64_t lowest = kOut;
    more_.resize(ranks_);
    for (std::size_t i = 0; i < ranks_; ++i) {
        more_[i] = keys_[i] + static_cast<std::uint64_t>(costs[next + i]) * kMostRanks;
        lowest = more_[i] < lowest ? more_[i] : lowest;
    }
    if (lowest <= keys_.back()) return false;
    for (std::size_t i = 0; i < ranks_; ++i) {
        const std::size_t rank = keys_[i] % kMostRanks;
        places_[rank * micro_batches_ + filled_[rank]++] = static_cast<std::uint32_t>(next + i);
    }
    keys_.swap(more_);
    return true;
}

// As long as nobody who has got one would get the next. Returns how many were dealt.
std::size_t WholeStep::match_round(std::span<const std::int64_t> costs, std::size_t next) {
    std::uint64_t lowest = kOut;
    std::size_t dealt = 0;
    for (; dealt < keys_.size() && keys_[dealt] < lowest; ++dealt) {
        std::uint64_t& key = keys_[dealt];
        const std::size_t rank = key % kMostRanks;
        key += static_cast<std::uint64_t>(costs[next + dealt]) * kMostRanks;
        if (give(rank, next + dealt, key)) key = kOut;
        lowest = std::min(lowest, key);
    }
    keys_.erase(std::remove(keys_.begin(), keys_.end(), kOut), keys_.end());
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
        const std::size_t slowest = RankKey::rank(rising_.back());
        const auto most = static_cast<double>(loads_[slowest]);
        if (most <= enough) return;
        const NearestExchange::Items items{costs_, micro_batches_, loads_, rising_};
        auto best = nearest_.find(items, slowest, false, most * (1 - 1e-9));
        const bool pairs = best.partner == NearestExchange::kNone && micro_batches_ <= kMostForPairs;
        if (pairs) best = nearest_.find(items, slowest, true, most * (1 - 1e-9));
        if (best.partner == NearestExchange::kNone) return;
        exchange(slowest, best.give.first, best.partner, best.take.first);
        if (pairs) exchange(slowest, best.give.second, best.partner, best.take.second);
        loads_[slowest] -= best.moved;
        loads_[best.partner] += best.moved;
        settle(slowest);
        settle(best.partner);
        settle_ranks(best.place);
    }
}

void WholeStep::sort_ranks() {
    rising_.resize(ranks_);
    for (std::size_t rank = 0; rank < ranks_; ++rank) rising_[rank] = RankKey::of(loads_[rank], rank);
    sort_few_keys(rising_);
}

// The slowest rank has become faster, and that at `place` slower.
void WholeStep::settle_ranks(std::size_t place) {
    const std::size_t partner = RankKey::rank(rising_[place]);
    const std::uint64_t partners = RankKey::of(loads_[partner], partner);
    for (; place + 2 < ranks_ && rising_[place + 1] < partners; ++place) rising_[place] = rising_[place + 1];
    rising_[place] = partners;
    const std::size_t slowest = RankKey::rank(rising_.back());
    const std::uint64_t own = RankKey::of(loads_[slowest], slowest);
    place = ranks_ - 1;
    for (; place > 0 && rising_[place - 1] > own; --place) rising_[place] = rising_[place - 1];
    rising_[place] = own;
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
