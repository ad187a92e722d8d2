#include "pack/balance/longest_first.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <type_traits>
#include <utility>

#include "common/interrupt.hpp"

namespace pypack {

// Falling cost; equal costs in index order, so that the result is the same everywhere.
bool LongestFirst::dearer(const Item& a, const Item& b) {
    return a.cost != b.cost ? a.cost > b.cost : a.sequence < b.sequence;
}

void LongestFirst::deal_out(std::span<std::int64_t> step) {
    if (WholeStep::fits(costs_[static_cast<std::size_t>(step.front())], ranks_, micro_batches_) &&
        are_whole(step)) {
        return deal_out_whole(step);
    }
    items_.resize(step.size());
    filled_.assign(ranks_, 0);
    load_.assign(ranks_, 0.0);
    // The dearest go to one rank each, as long as they cost anything.
    std::size_t begin = 0;
    if (micro_batches_ > 1 && costs_[static_cast<std::size_t>(step[ranks_ - 1])] > 0) {
        for (; begin < ranks_; ++begin) {
            const std::int64_t sequence = step[begin];
            load_[begin] = costs_[static_cast<std::size_t>(sequence)];
            items_[begin * micro_batches_] = {load_[begin], sequence};
            filled_[begin] = 1;
        }
    }
    match(step.subspan(begin));
    if (micro_batches_ > 1) swap_until_even();
    for (std::size_t i = 0; i < step.size(); ++i) step[i] = items_[i].sequence;
}

bool LongestFirst::are_whole(std::span<const std::int64_t> step) const {
    return std::all_of(step.begin(), step.end(), [this](std::int64_t sequence) {
        const double cost = costs_[static_cast<std::size_t>(sequence)];
        return cost == static_cast<double>(static_cast<std::int64_t>(cost));
    });
}

void LongestFirst::deal_out_whole(std::span<std::int64_t> step) {
    falling_.assign(step.begin(), step.end());
    whole_costs_.resize(step.size());
    for (std::size_t i = 0; i < step.size(); ++i) {
        whole_costs_[i] = static_cast<std::int64_t>(costs_[static_cast<std::size_t>(step[i])]);
    }
    whole_.deal_out(whole_costs_, ranks_, even_);
    for (std::size_t rank = 0; rank < ranks_; ++rank) {
        std::int64_t* sequence = step.data() + rank * micro_batches_;
        for (const std::uint32_t place : whole_.of_rank(rank)) *sequence++ = falling_[place];
    }
}

// Each to the rank that has the least so far, and room.
void LongestFirst::match(std::span<const std::int64_t> sequences) {
    least_.start(load_);
    for (const std::int64_t sequence : sequences) {
        const std::size_t rank = least_.rank();
        const double cost = costs_[static_cast<std::size_t>(sequence)];
        items_[rank * micro_batches_ + filled_[rank]++] = {cost, sequence};
        load_[rank] += cost;
        if (filled_[rank] == micro_batches_) {
            least_.take_out(rank);
        } else {
            least_.set_load(rank, load_[rank]);
        }
    }
}

// Exchanges items of the slowest rank for cheaper ones of another rank, one for one or, where that does
// not help, two for two: always the exchange that leaves the slower of the two ranks least. Each makes
// the slowest rank faster without making another as slow, so it ends; the limit is for thousands of
// ranks.
void LongestFirst::swap_until_even() {
    constexpr std::size_t kMostForPairs = 8;  // micro-batches; with more, single exchanges are enough
    const double mean = std::accumulate(load_.begin(), load_.end(), 0.0) / static_cast<double>(ranks_);
    for (std::size_t turn = 0; turn < 4 * ranks_; ++turn) {
        check_interrupt();
        const auto slowest =
            static_cast<std::size_t>(std::max_element(load_.begin(), load_.end()) - load_.begin());
        if (load_[slowest] <= mean * even_) return;
        Exchange best{load_[slowest] * (1 - 1e-9), slowest, {}, {}};
        find_exchange(slowest, false, best);
        if (best.partner == slowest && micro_batches_ <= kMostForPairs) find_exchange(slowest, true, best);
        if (best.partner == slowest) return;
        exchange(slowest, best);
    }
}

void LongestFirst::exchange(std::size_t slowest, const Exchange& what) {
    const double moved = what.give.cost - what.take.cost;
    load_[slowest] -= moved;
    load_[what.partner] += moved;
    const auto gives = items(slowest);
    const auto takes = items(what.partner);
    std::swap(gives[what.give.first], takes[what.take.first]);
    if (what.give.first == what.give.second) {
        settle(gives, what.give.first);
        settle(takes, what.take.first);
        return;
    }
    std::swap(gives[what.give.second], takes[what.take.second]);
    std::sort(gives.begin(), gives.end(), dearer);
    std::sort(takes.begin(), takes.end(), dearer);
}

// Moves one item to where it belongs among the others.
void LongestFirst::settle(std::span<Item> items, std::size_t at) {
    for (; at > 0 && dearer(items[at], items[at - 1]); --at) std::swap(items[at], items[at - 1]);
    for (; at + 1 < items.size() && dearer(items[at + 1], items[at]); ++at)
        std::swap(items[at], items[at + 1]);
}

// The best exchange has a difference of costs as near as can be to half the gap between the two ranks: for
// every item that may be taken, the two on either side of it among what the slowest rank may give.
void LongestFirst::find_exchange(std::size_t slowest, bool two, Exchange& best) {
    if (two) list_pairs(slowest, gives_);
    for (std::size_t rank = 0; rank < ranks_; ++rank) {
        const double gap = load_[slowest] - load_[rank];
        // No exchange brings the slower of the two below their mean.
        if (rank == slowest || load_[rank] + gap / 2 >= best.slower) continue;
        if (two) {
            list_pairs(rank, takes_);
            find_among<Places>(gives_, takes_, slowest, rank, best);
        } else {
            find_among<Item>(items(slowest), items(rank), slowest, rank, best);
        }
    }
}

template <typename Thing>
void LongestFirst::find_among(std::span<const Thing> gives, std::span<const Thing> takes, std::size_t slowest,
                              std::size_t rank, Exchange& best) const {
    const double gap = load_[slowest] - load_[rank];
    const auto places = [](std::span<const Thing> things, std::size_t at) -> Places {
        if constexpr (std::is_same_v<Thing, Places>) return things[at];
        return {at, at, things[at].cost};
    };
    const auto consider = [&](std::size_t give, std::size_t take) {
        const double moved = gives[give].cost - takes[take].cost;
        if (moved <= 0 || moved >= gap) return;
        const double slower = std::max(load_[slowest] - moved, load_[rank] + moved);
        if (slower < best.slower) best = {slower, rank, places(gives, give), places(takes, take)};
    };
    std::size_t at = 0;
    for (std::size_t take = 0; take < takes.size(); ++take) {
        const double wanted = takes[take].cost + gap / 2;
        while (at < gives.size() && gives[at].cost > wanted) ++at;
        if (at > 0) consider(at - 1, take);
        if (at < gives.size()) consider(at, take);
    }
}

// By falling cost.
void LongestFirst::list_pairs(std::size_t rank, std::vector<Places>& out) {
    out.clear();
    const auto all = items(rank);
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (std::size_t j = i + 1; j < all.size(); ++j) out.push_back({i, j, all[i].cost + all[j].cost});
    }
    std::sort(out.begin(), out.end(), [](const Places& a, const Places& b) {
        return std::tuple(-a.cost, a.first, a.second) < std::tuple(-b.cost, b.first, b.second);
    });
}

}  // namespace pypack
