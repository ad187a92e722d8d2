#include "pack/balance/sort_step.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "pack/balance/sort_vectors.hpp"

namespace pypack {

namespace {

constexpr std::size_t kFewItems = 16;  // up to it, insertion is faster

// Sorts what mostly is nearly sorted, or all of one cost.
void sort_list(std::span<std::uint64_t> keys, int place_bits) {
    if (keys.size() <= kFewItems) {
        for (std::size_t i = 1; i < keys.size(); ++i) {
            const std::uint64_t key = keys[i];
            std::size_t at = i;
            for (; at > 0 && keys[at - 1] > key; --at) keys[at] = keys[at - 1];
            keys[at] = key;
        }
        return;
    }
    const auto cost = [place_bits](std::uint64_t key) { return key >> place_bits; };
    const bool one_cost = std::all_of(keys.begin(), keys.end(),
                                      [&](std::uint64_t key) { return cost(key) == cost(keys.front()); });
    if (!one_cost) std::sort(keys.begin(), keys.end());
}

}  // namespace

bool StepSorter::sorts_in_vectors(std::size_t size) {
    return size <= kMostInVectors && has_avx512();
}

void StepSorter::sort(std::span<const std::int64_t> costs, Instructions instructions) {
    order_.resize(costs.size());
    falling_.resize(costs.size());
    if (costs.empty()) return;
    std::uint64_t any = 0;
    for (const std::int64_t cost : costs) any |= static_cast<std::uint64_t>(cost);
    const auto width = static_cast<int>(std::bit_width(any));
    const auto place_bits = static_cast<int>(std::bit_width(costs.size() - 1));
    if (width + place_bits > 63) {
        std::iota(order_.begin(), order_.end(), std::uint32_t{0});
        std::stable_sort(order_.begin(), order_.end(),
                         [costs](std::uint32_t a, std::uint32_t b) { return costs[a] > costs[b]; });
        for (std::size_t i = 0; i < order_.size(); ++i) falling_[i] = costs[order_[i]];
        return;
    }
    // Keys rise as costs fall, and hold their place below.
    const std::uint64_t above = (std::uint64_t{1} << width) - 1;
    keys_.resize(costs.size());
    for (std::size_t i = 0; i < costs.size(); ++i) {
        keys_[i] = (above - static_cast<std::uint64_t>(costs[i])) << place_bits | i;
    }
    sort_keys(place_bits, width, instructions);
    const std::uint64_t place = (std::uint64_t{1} << place_bits) - 1;
    for (std::size_t i = 0; i < order_.size(); ++i) {
        order_[i] = static_cast<std::uint32_t>(keys_[i] & place);
        falling_[i] = static_cast<std::int64_t>(above - (keys_[i] >> place_bits));
    }
}

void StepSorter::sort_keys(int place_bits, int width, Instructions instructions) {
    if (!sort_in_vectors(keys_, instructions)) sort_by_lists(place_bits, width);
}

// Keys are put on as many lists as there may be keys by their upper bits, and the lists are sorted.
void StepSorter::sort_by_lists(int place_bits, int width) {
    const int shift = std::max(place_bits, width);
    sorted_.resize(keys_.size());
    begins_.assign((std::size_t{1} << place_bits) + 1, 0);
    for (const std::uint64_t key : keys_) ++begins_[(key >> shift) + 1];
    std::partial_sum(begins_.begin(), begins_.end(), begins_.begin());
    for (const std::uint64_t key : keys_) sorted_[begins_[key >> shift]++] = key;
    keys_.swap(sorted_);
    std::size_t begin = 0;
    for (std::size_t list = 0; begin < keys_.size(); ++list) {
        const std::size_t end = begins_[list];  // it has moved on
        if (end - begin > 1) sort_list(std::span(keys_).subspan(begin, end - begin), place_bits);
        begin = end;
    }
}

}  // namespace pypack
