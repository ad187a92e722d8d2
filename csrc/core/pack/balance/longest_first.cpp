#include "pack/balance/longest_first.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "common/interrupt.hpp"
#include "pack/balance/sort_by_cost.hpp"

namespace pypack {

// Falling cost; equal costs in index order, so that the result is the same everywhere.
bool LongestFirst::dearer(const Item& a, const Item& b) {
    return a.cost != b.cost ? a.cost > b.cost : a.sequence < b.sequence;
}

void LongestFirst::deal_out(std::span<std::int64_t> step) {
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
    step_is_whole_ = LeastLoadedWhole::fits(step, costs_, ranks_) &&
                     (are_whole_ || LeastLoadedWhole::are_whole(step, costs_));
    if (step_is_whole_) {
        match_whole(step.subspan(begin));
    } else {
        match(step.subspan(begin));
    }
    if (micro_batches_ > 1) swap_until_even();
    for (std::size_t i = 0; i < step.size(); ++i) step[i] = items_[i].sequence;
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

// The same where all loads are exact, and can be summed up afterwards.
void LongestFirst::match_whole(std::span<const std::int64_t> sequences) {
    least_whole_.start(load_);
    for (const std::int64_t sequence : sequences) {
        const std::size_t rank = least_whole_.rank();
        const double cost = costs_[static_cast<std::size_t>(sequence)];
        const std::size_t at = filled_[rank]++;
        items_[rank * micro_batches_ + at] = {cost, sequence};
        least_whole_.add(static_cast<std::int64_t>(cost), at + 1 == micro_batches_);
    }
    for (std::size_t rank = 0; rank < ranks_; ++rank) {
        double load = 0;
        for (const Item& item : items(rank)) load += item.cost;
        load_[rank] = load;
    }
}

// Exchanges items of the slowest rank for cheaper ones of another rank, one for one or, where that does
// not help, two for two: always the exchange that leaves the slower of the two ranks least. Each makes
// the slowest rank faster without making another as slow, so it ends; the limit is for thousands of
// ranks.
void LongestFirst::swap_until_even() {
    constexpr std::size_t kMostForPairs = 8;  // micro-batches; with more, single exchanges are enough
    const double mean = std::accumulate(load_.begin(), load_.end(), 0.0) / static_cast<double>(ranks_);
    const bool all_pairs = step_is_whole_ && micro_batches_ <= NearestExchange::kMostItems;
    for (std::size_t turn = 0; turn < 4 * ranks_; ++turn) {
        check_interrupt();
        const auto slowest =
            static_cast<std::size_t>(std::max_element(load_.begin(), load_.end()) - load_.begin());
        if (load_[slowest] <= mean * even_) return;
        Exchange best{load_[slowest] * (1 - 1e-9), slowest, {}, {}};
        if (all_pairs) {
            if (turn == 0) {
                nearest_.start(ranks_, micro_batches_);
                for (std::size_t rank = 0; rank < ranks_; ++rank) note_costs(rank);
            }
            find_partner(slowest, best);
        } else {
            find_exchange(slowest, false, best);
        }
        if (best.partner == slowest && micro_batches_ <= kMostForPairs) find_exchange(slowest, true, best);
        if (best.partner == slowest) return;
        exchange(slowest, best);
        if (all_pairs) {
            note_costs(slowest);
            note_costs(best.partner);
        }
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

void LongestFirst::note_costs(std::size_t rank) {
    const auto costs = nearest_.costs(rank);
    const auto all = items(rank);
    for (std::size_t i = 0; i < all.size(); ++i) costs[i] = static_cast<std::int64_t>(all[i].cost);
    nearest_.load(rank) = static_cast<std::int64_t>(load_[rank]);
}

// As find_exchange() of single items: which pair it is, is only asked of one rank.
void LongestFirst::find_partner(std::size_t slowest, Exchange& best) {
    const std::size_t rank = nearest_.partner(slowest, best.slower);
    if (rank != NearestExchange::kNone) {
        find_among<Item>(items(slowest), items(rank), slowest, rank, best);
    }
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

std::vector<std::int64_t> lpt_to_rank(std::span<const std::int64_t> costs, std::int64_t ranks,
                                      std::int64_t rank, double even) {
    const auto n = static_cast<std::int64_t>(costs.size());
    if (ranks < 1 || rank < 0 || rank >= ranks || n % ranks != 0) {
        throw std::invalid_argument(std::to_string(n) + " items cannot be dealt to rank " +
                                    std::to_string(rank) + " of " + std::to_string(ranks));
    }
    if (n == 0) return {};
    struct Memory {
        std::vector<double> costs;
        std::vector<std::int64_t> order;
        CostSorter sorter;
        LongestFirst dealer;
    };
    thread_local Memory memory;
    memory.costs.assign(costs.begin(), costs.end());
    if (*std::min_element(costs.begin(), costs.end()) < 0) {
        throw std::invalid_argument("costs must not be negative");
    }
    memory.order.resize(costs.size());
    std::iota(memory.order.begin(), memory.order.end(), std::int64_t{0});
    memory.sorter.sort(memory.order, memory.costs);
    const std::int64_t count = n / ranks;
    memory.dealer.start(memory.costs, static_cast<std::size_t>(ranks), static_cast<std::size_t>(count), even,
                        true);
    memory.dealer.deal_out(memory.order);
    const auto first = memory.order.begin() + rank * count;
    return {first, first + count};
}

}  // namespace pypack
