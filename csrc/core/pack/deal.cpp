#include "pack/deal.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <stdexcept>
#include <string>

namespace pypack {

namespace {

struct Item {
    std::uint64_t key;  // the largest cost less this one: rising keys are falling costs
    std::int64_t index;
};

constexpr std::size_t kFewItems = 24;  // below it, insertion is faster than counting digits
constexpr int kDigitBits = 8;
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;

// Stable, as the rest is: equal costs keep the order of their indices.
void insertion_sort(std::span<Item> items) {
    for (std::size_t i = 1; i < items.size(); ++i) {
        const Item item = items[i];
        std::size_t at = i;
        for (; at > 0 && items[at - 1].key > item.key; --at) items[at] = items[at - 1];
        items[at] = item;
    }
}

// Puts the items right that come to stand at places rank, rank + ranks, ...: those of other ranks are only
// brought near to theirs, by the digits that decided so far. `first` is the place of the first item, and keys
// are the same above `bits`.
class Selection {
  public:
    Selection(std::int64_t ranks, std::int64_t rank, std::size_t size)
        : ranks_(ranks), rank_(rank), scratch_(size) {}

    void run(std::span<Item> items, std::int64_t first, int bits) {
        const std::int64_t to_mine = ((rank_ - first) % ranks_ + ranks_) % ranks_;
        if (to_mine >= static_cast<std::int64_t>(items.size()) || bits == 0) return;
        if (items.size() <= kFewItems) {
            insertion_sort(items);
            return;
        }
        // Where all rows are full, or most, keys are the same in many places, and the first digits of all.
        std::uint64_t differing = 0;
        for (const Item& item : items) differing |= item.key ^ items.front().key;
        if (differing == 0) return;
        const int shift = std::max(0, static_cast<int>(std::bit_width(differing)) - kDigitBits);
        const auto digit = [shift](const Item& item) {
            return static_cast<std::size_t>(item.key >> shift) % kDigits;
        };
        std::array<std::uint32_t, kDigits + 1> ends{};
        for (const Item& item : items) ++ends[digit(item) + 1];
        for (std::size_t d = 0; d < kDigits; ++d) ends[d + 1] += ends[d];
        for (const Item& item : items) scratch_[ends[digit(item)]++] = item;  // begins become ends
        std::copy_n(scratch_.begin(), items.size(), items.begin());
        std::uint32_t begin = 0;
        for (std::size_t d = 0; d < kDigits; ++d) {
            const std::uint32_t count = ends[d] - begin;
            if (count > 1) run(items.subspan(begin, count), first + begin, shift);
            begin = ends[d];
        }
    }

  private:
    std::int64_t ranks_;
    std::int64_t rank_;
    std::vector<Item> scratch_;
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
    const auto [least, most] = std::minmax_element(costs.begin(), costs.end());
    if (*least < 0) {
        throw std::invalid_argument("costs must not be negative, got " + std::to_string(*least));
    }
    std::vector<Item> items(costs.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        items[i] = {static_cast<std::uint64_t>(*most - costs[i]), static_cast<std::int64_t>(i)};
    }
    const auto bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(*most - *least)));
    Selection(ranks, rank, items.size()).run(items, 0, bits);
    mine.reserve(static_cast<std::size_t>(n / ranks));
    for (std::int64_t i = rank; i < n; i += ranks) mine.push_back(items[static_cast<std::size_t>(i)].index);
    return mine;
}

}  // namespace pypack
