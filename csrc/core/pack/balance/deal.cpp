#include "pack/balance/deal.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

#include "pack/balance/sort_step.hpp"

namespace pypack {

namespace {

constexpr std::size_t kFewItems = 24;  // below it, insertion is faster than counting digits
constexpr int kDigitBits = 8;
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;

// Finds the items at the places rank, rank + ranks, ... of the order of falling costs, and none of the
// others: items are put on lists by the first digit of their cost, and only the lists that hold such a place
// are read.
class Selection {
  public:
    // Costs must not be negative.
    Selection(std::span<const std::int64_t> costs, std::int64_t ranks)
        : costs_(costs), ranks_(ranks), order_(costs.size()), next_(costs.size()) {
        for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = static_cast<Index>(i);
    }

    // Brings the wanted items to their places among those from `begin` to before `end`, which hold what
    // belongs there in the order of indices; at the places of other ranks anything may be left. `wanted` is
    // the first place that counts, not before `begin`; the first from `end` on is returned.
    std::int64_t run(std::int64_t begin, std::int64_t end, std::int64_t wanted) {
        const std::span<Index> items =
            std::span(order_).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
        if (items.size() <= kFewItems) {
            insertion_sort(items);
            return after(wanted, end);
        }
        const auto [least, most] = extremes(items);
        if (least == most) return after(wanted, end);
        const int bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(most - least)));
        const int shift = std::max(0, bits - kDigitBits);
        const auto digit = [costs = costs_, most = most, shift](Index item) {
            return static_cast<std::size_t>(static_cast<std::uint64_t>(most - costs[item]) >> shift);
        };
        struct List {
            Index first;
            Index count;
        };
        std::array<List, kDigits> lists{};
        // Put on from the last one, so that every list has the order of indices. Links are of items, not of
        // places: a list is read before its items are put on others. Against counting digits and then moving
        // all items, no item waits for where the one before it of the same digit went.
        Index* const next = next_.data();
        for (std::size_t i = items.size(); i-- > 0;) {
            const Index item = items[i];
            List& list = lists[digit(item)];
            next[item] = list.first;
            list = {item, list.count + 1};
        }
        const List* list = lists.data();
        std::int64_t from = begin;
        while (wanted < end) {
            while (from + list->count <= wanted) from += (list++)->count;
            const std::int64_t to = from + list->count;
            Index item = list->first;
            for (std::int64_t place = from; place < to; ++place) {
                order_[static_cast<std::size_t>(place)] = item;
                item = next[item];
            }
            wanted = run(from, to, wanted);
            from = to;
            ++list;
        }
        return wanted;
    }
    [[nodiscard]] std::int64_t operator[](std::int64_t place) const {
        return order_[static_cast<std::size_t>(place)];
    }

  private:
    using Index = std::uint32_t;

    [[nodiscard]] std::int64_t after(std::int64_t wanted, std::int64_t end) const {
        while (wanted < end) wanted += ranks_;
        return wanted;
    }

    [[nodiscard]] std::pair<std::int64_t, std::int64_t> extremes(std::span<const Index> items) const {
        std::int64_t least = costs_[items.front()];
        std::int64_t most = least;
        for (const Index item : items) {
            least = std::min(least, costs_[item]);
            most = std::max(most, costs_[item]);
        }
        return {least, most};
    }

    // Stable, as the rest is: equal costs keep the order of their indices.
    void insertion_sort(std::span<Index> items) {
        for (std::size_t i = 1; i < items.size(); ++i) {
            const Index item = items[i];
            std::size_t at = i;
            for (; at > 0 && costs_[items[at - 1]] < costs_[item]; --at) items[at] = items[at - 1];
            items[at] = item;
        }
    }

    std::span<const std::int64_t> costs_;
    std::int64_t ranks_;
    std::vector<Index> order_;
    std::vector<Index> next_;
};

}  // namespace

std::vector<std::int64_t> deal_to_rank(std::span<const std::int64_t> costs, std::int64_t ranks,
                                       std::int64_t rank) {
    const auto n = static_cast<std::int64_t>(costs.size());
    if (ranks < 1 || rank < 0 || rank >= ranks || n % ranks != 0) {
        throw std::invalid_argument(std::to_string(n) + " items cannot be dealt to rank " +
                                    std::to_string(rank) + " of " + std::to_string(ranks));
    }
    if (n > std::int64_t{1} << 31) throw std::invalid_argument("a step can have at most 2^31 items");
    std::vector<std::int64_t> mine;
    if (n == 0) return mine;
    std::int64_t signs = 0;
    for (const std::int64_t cost : costs) signs |= cost;
    if (signs < 0) {
        throw std::invalid_argument("costs must not be negative, got " +
                                    std::to_string(*std::min_element(costs.begin(), costs.end())));
    }
    if (StepSorter::sorts_in_vectors(costs.size())) {
        thread_local StepSorter sorter;
        sorter.sort(costs);
        mine.reserve(static_cast<std::size_t>(n / ranks));
        for (std::int64_t place = rank; place < n; place += ranks) {
            mine.push_back(sorter.order()[static_cast<std::size_t>(place)]);
        }
        return mine;
    }
    Selection order(costs, ranks);
    order.run(0, n, rank);
    mine.reserve(static_cast<std::size_t>(n / ranks));
    for (std::int64_t place = rank; place < n; place += ranks) mine.push_back(order[place]);
    return mine;
}

}  // namespace pypack
