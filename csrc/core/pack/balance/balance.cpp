#include "pack/balance/balance.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

#include "common/checked.hpp"
#include "common/interrupt.hpp"
#include "common/parallel.hpp"
#include "common/permutation.hpp"
#include "pack/balance/least_loaded.hpp"
#include "pack/balance/sort_by_cost.hpp"
#include "pack/plan/verify.hpp"

namespace pypack {

void BalanceOptions::validate() const {
    const auto check = [](const char* name, std::int64_t value) {
        if (value < 1 || value > (std::int64_t{1} << 31)) {
            throw std::invalid_argument(std::string(name) + " must be from 1 to 2^31, got " +
                                        std::to_string(value));
        }
    };
    check("ranks", ranks);
    check("micro_batches", micro_batches);
    check("window", window);
    if (!(even >= 1)) {
        throw std::invalid_argument("even must be at least 1, got " + std::to_string(even));
    }
    (void)checked_multiply(checked_multiply(ranks, micro_batches, "sequences of a step"), window,
                           "sequences of a window");
}

namespace {

struct Item {
    double cost;
    std::int64_t sequence;
};

// Falling cost; equal costs in index order, so that the result is the same everywhere.
bool dearer(const Item& a, const Item& b) {
    return a.cost != b.cost ? a.cost > b.cost : a.sequence < b.sequence;
}

// One step: the sequences of each rank, and their sum.
class StepBalancer {
  public:
    StepBalancer(std::span<const double> costs, const BalanceOptions& options)
        : costs_(costs),
          ranks_(static_cast<std::size_t>(options.ranks)),
          micro_batches_(static_cast<std::size_t>(options.micro_batches)),
          even_(options.even),
          load_(ranks_) {}

    // `step` holds the sequences by falling cost; they are rearranged rank by rank.
    void deal(std::span<std::int64_t> step) {
        dealt_.assign(step.begin(), step.end());
        for (std::size_t i = 0; i < step.size(); ++i)
            step[i % ranks_ * micro_batches_ + i / ranks_] = dealt_[i];
    }

    void longest_first(std::span<std::int64_t> step) {
        items_.resize(step.size());
        filled_.assign(ranks_, 0);
        std::fill(load_.begin(), load_.end(), 0.0);
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
        least_.start(load_);
        for (const std::int64_t sequence : step.subspan(begin)) {
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
        if (micro_batches_ > 1) swap_until_even();
        for (std::size_t i = 0; i < step.size(); ++i) step[i] = items_[i].sequence;
    }

  private:
    // The items of a rank, by falling cost at all times.
    [[nodiscard]] std::span<Item> items(std::size_t rank) {
        return std::span(items_).subspan(rank * micro_batches_, micro_batches_);
    }

    // One or two items of a rank, the two equal for one.
    struct Places {
        std::size_t first;
        std::size_t second;
        double cost;
    };

    struct Exchange {
        double slower;  // load of the slower of the two ranks after it
        std::size_t partner;
        Places give;
        Places take;
    };

    // Exchanges items of the slowest rank for cheaper ones of another rank, one for one or, where that does
    // not help, two for two: always the exchange that leaves the slower of the two ranks least. Each makes
    // the slowest rank faster without making another as slow, so it ends; the limit is for thousands of
    // ranks.
    void swap_until_even() {
        constexpr std::size_t kMostForPairs = 8;  // micro-batches; with more, single exchanges are enough
        const double mean = std::accumulate(load_.begin(), load_.end(), 0.0) / static_cast<double>(ranks_);
        for (std::size_t turn = 0; turn < 4 * ranks_; ++turn) {
            check_interrupt();
            const auto slowest =
                static_cast<std::size_t>(std::max_element(load_.begin(), load_.end()) - load_.begin());
            if (load_[slowest] <= mean * even_) return;
            Exchange best{load_[slowest] * (1 - 1e-9), slowest, {}, {}};
            find_exchange(slowest, false, best);
            if (best.partner == slowest && micro_batches_ <= kMostForPairs)
                find_exchange(slowest, true, best);
            if (best.partner == slowest) return;
            const double moved = best.give.cost - best.take.cost;
            load_[slowest] -= moved;
            load_[best.partner] += moved;
            const auto gives = items(slowest);
            const auto takes = items(best.partner);
            std::swap(gives[best.give.first], takes[best.take.first]);
            if (best.give.first != best.give.second)
                std::swap(gives[best.give.second], takes[best.take.second]);
            std::sort(gives.begin(), gives.end(), dearer);
            std::sort(takes.begin(), takes.end(), dearer);
        }
    }

    // The best exchange has a difference of costs as near as can be to half the gap between the two ranks:
    // for every item that may be taken, the two on either side of it among what the slowest rank may give.
    void find_exchange(std::size_t slowest, bool two, Exchange& best) {
        list_places(slowest, two, gives_);
        for (std::size_t rank = 0; rank < ranks_; ++rank) {
            const double gap = load_[slowest] - load_[rank];
            // No exchange brings the slower of the two below their mean.
            if (rank == slowest || load_[rank] + gap / 2 >= best.slower) continue;
            list_places(rank, two, takes_);
            auto at = gives_.begin();
            for (const Places& take : takes_) {
                const double wanted = take.cost + gap / 2;
                while (at != gives_.end() && at->cost > wanted) ++at;
                if (at != gives_.begin()) consider(*std::prev(at), take, slowest, rank, best);
                if (at != gives_.end()) consider(*at, take, slowest, rank, best);
            }
        }
    }

    void consider(const Places& give, const Places& take, std::size_t slowest, std::size_t rank,
                  Exchange& best) const {
        const double moved = give.cost - take.cost;
        if (moved <= 0 || moved >= load_[slowest] - load_[rank]) return;
        const double slower = std::max(load_[slowest] - moved, load_[rank] + moved);
        if (slower < best.slower) best = {slower, rank, give, take};
    }

    // By falling cost.
    void list_places(std::size_t rank, bool two, std::vector<Places>& out) {
        out.clear();
        const auto all = items(rank);
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (!two) out.push_back({i, i, all[i].cost});
            for (std::size_t j = i + 1; two && j < all.size(); ++j)
                out.push_back({i, j, all[i].cost + all[j].cost});
        }
        if (!two) return;  // as the items are
        std::sort(out.begin(), out.end(), [](const Places& a, const Places& b) {
            return std::tuple(-a.cost, a.first, a.second) < std::tuple(-b.cost, b.first, b.second);
        });
    }

    std::span<const double> costs_;
    std::size_t ranks_;
    std::size_t micro_batches_;
    double even_;
    std::vector<double> load_;
    std::vector<std::size_t> filled_;
    LeastLoaded least_;
    std::vector<std::int64_t> dealt_;
    std::vector<Item> items_;
    std::vector<Places> gives_;
    std::vector<Places> takes_;
};

void check_costs(std::span<const double> costs) {
    for (std::size_t i = 0; i < costs.size(); ++i) {
        check_interrupt_at(i);
        if (!(costs[i] >= 0) || !std::isfinite(costs[i])) {
            throw std::invalid_argument("costs[" + std::to_string(i) + "] is " + std::to_string(costs[i]) +
                                        ": a cost must be finite and not negative");
        }
    }
}

}  // namespace

Buffer<std::int64_t> balance(std::span<const double> costs, const BalanceOptions& options, int num_threads) {
    constexpr std::uint64_t kOrderOfSteps = 0x62616c616e6365ULL;  // purpose of the draw
    options.validate();
    check_costs(costs);
    const std::int64_t size = options.step_size();
    const std::int64_t steps = static_cast<std::int64_t>(costs.size()) / size;
    const std::int64_t windows = (steps + options.window - 1) / options.window;
    Buffer<std::int64_t> order(steps * size);
    parallel_for(windows, num_threads, [&](std::int64_t w) {
        const std::int64_t begin = w * options.window;
        const std::int64_t end = std::min(steps, begin + options.window);
        std::vector<std::int64_t> sequences(static_cast<std::size_t>((end - begin) * size));
        std::iota(sequences.begin(), sequences.end(), begin * size);
        CostSorter sorter;
        if (options.window > 1) sorter.sort(sequences, costs);
        const Permutation places(static_cast<std::uint64_t>(end - begin),
                                 random_bits(options.seed, kOrderOfSteps, static_cast<std::uint64_t>(w)));
        StepBalancer balancer(costs, options);
        for (std::int64_t s = 0; s < end - begin; ++s) {
            check_interrupt();
            const auto step = std::span(sequences).subspan(static_cast<std::size_t>(s * size),
                                                           static_cast<std::size_t>(size));
            if (options.strategy != BalanceStrategy::none) sorter.sort(step, costs);
            if (options.strategy == BalanceStrategy::deal) balancer.deal(step);
            if (options.strategy == BalanceStrategy::lpt) balancer.longest_first(step);
            const auto place = static_cast<std::int64_t>(
                options.window > 1 ? places(static_cast<std::uint64_t>(s)) : static_cast<std::uint64_t>(s));
            std::copy(step.begin(), step.end(), order.data() + (begin + place) * size);
        }
    });
    return order;
}

BalanceReport balance_report(std::span<const double> costs, std::span<const std::int64_t> order,
                             const BalanceOptions& options) {
    const std::int64_t size = options.step_size();
    const auto steps = static_cast<std::int64_t>(order.size()) / size;
    double slowest_sum = 0;
    double least_sum = 0;
    double mean_sum = 0;
    double square_sum = 0;
    std::vector<double> step(static_cast<std::size_t>(size));
    for (std::int64_t s = 0; s < steps; ++s) {
        check_interrupt();
        double total = 0;
        double slowest = 0;
        for (std::int64_t rank = 0; rank < options.ranks; ++rank) {
            double load = 0;
            for (std::int64_t m = 0; m < options.micro_batches; ++m) {
                const std::int64_t at = rank * options.micro_batches + m;
                const double cost =
                    costs[static_cast<std::size_t>(order[static_cast<std::size_t>(s * size + at)])];
                step[static_cast<std::size_t>(at)] = cost;
                load += cost;
            }
            slowest = std::max(slowest, load);
            total += load;
        }
        const double mean = total / static_cast<double>(options.ranks);
        slowest_sum += slowest;
        mean_sum += mean;
        square_sum += mean * mean;
        // The rank with the dearest sequence has at best the cheapest ones besides.
        std::sort(step.begin(), step.end());
        const double with_dearest =
            std::accumulate(step.begin(), step.begin() + (options.micro_batches - 1), step.back());
        least_sum += std::max(mean, with_dearest);
    }
    BalanceReport report;
    if (mean_sum > 0) {
        report.slowdown = slowest_sum / mean_sum;
        report.lower_bound = std::min(least_sum, slowest_sum) / mean_sum;
        const double mean_step = mean_sum / static_cast<double>(steps);
        const double variance = square_sum / static_cast<double>(steps) - mean_step * mean_step;
        report.spread = std::sqrt(std::max(0.0, variance)) / mean_step;
    }
    return report;
}

Buffer<double> sequence_costs(const PlanView& plan, double per_token, double per_pair) {
    check_offsets(plan);
    Buffer<double> costs(plan.num_sequences());
    for (std::size_t s = 0; s < plan.sequence_capacity.size(); ++s) {
        check_interrupt_at(s);
        // Whole numbers first: the sums are exact, whatever the order of the spans.
        std::int64_t tokens = 0;
        std::int64_t pairs = 0;
        for (std::int64_t i = plan.sequence_offsets[s]; i < plan.sequence_offsets[s + 1]; ++i) {
            const std::int64_t length = plan.span_length[static_cast<std::size_t>(i)];
            tokens += length;
            pairs = checked_add(pairs, length * length, "attention cost");
        }
        costs[static_cast<std::int64_t>(s)] =
            per_token * static_cast<double>(tokens) + per_pair * static_cast<double>(pairs);
    }
    return costs;
}

}  // namespace pypack
