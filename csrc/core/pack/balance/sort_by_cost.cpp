#include "pack/balance/sort_by_cost.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <utility>

#include "common/interrupt.hpp"

namespace pypack {

namespace {

constexpr int kDigitBits = 8;
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;
constexpr std::size_t kFewItems = 40;  // below it, comparing is faster than counting digits

}  // namespace

// By digits, the lowest first. Costs that are not negative are in the order of their bits, and only the bits
// in which they differ are looked at: sums of squared lengths are whole numbers, whose lower bits are all 0,
// so that three or four digits tell them apart.
void CostSorter::sort(std::span<std::int64_t> sequences, std::span<const double> costs) {
    items_.resize(sequences.size());
    std::uint64_t all = ~std::uint64_t{0};
    std::uint64_t any = 0;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
        check_interrupt_at(i);
        // + 0.0 makes 0 of -0, whose bits are not in order.
        const auto bits = std::bit_cast<std::uint64_t>(costs[static_cast<std::size_t>(sequences[i])] + 0.0);
        items_[i] = {~bits, sequences[i]};
        all &= bits;
        any |= bits;
    }
    const std::uint64_t differ = all ^ any;
    if (differ == 0) return;
    if (items_.size() < kFewItems) {
        std::stable_sort(items_.begin(), items_.end(),
                         [](const Item& a, const Item& b) { return a.key < b.key; });
    } else {
        other_.resize(items_.size());
        const int lowest = std::countr_zero(differ);
        const int passes = (static_cast<int>(std::bit_width(differ)) - lowest + kDigitBits - 1) / kDigitBits;
        const auto digit = [lowest](const Item& item, int pass) {
            return static_cast<std::size_t>(item.key >> (lowest + pass * kDigitBits)) & (kDigits - 1);
        };
        // Counted for all digits at once: the next count of one digit waits for the last, and upper digits
        // are few.
        std::array<std::array<std::uint32_t, kDigits>, 64 / kDigitBits> places;
        std::fill_n(places.begin(), passes, std::array<std::uint32_t, kDigits>{});
        for (const Item& item : items_) {
            for (int pass = 0; pass < passes; ++pass) {
                ++places[static_cast<std::size_t>(pass)][digit(item, pass)];
            }
        }
        for (int pass = 0; pass < passes; ++pass) {
            auto& of_pass = places[static_cast<std::size_t>(pass)];
            std::uint32_t place = 0;
            for (std::uint32_t& count : of_pass) place += std::exchange(count, place);
            for (const Item& item : items_) other_[of_pass[digit(item, pass)]++] = item;
            items_.swap(other_);
        }
    }
    for (std::size_t i = 0; i < items_.size(); ++i) sequences[i] = items_[i].sequence;
}

}  // namespace pypack
