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

// Stable. `bits_of` an item: those in which items differ, `width` of them, at its lower end.
template <typename Item, typename Bits>
void sort_by_digits(std::vector<Item>& items, std::vector<Item>& other, int width, const Bits& bits_of) {
    if (items.size() < kFewItems) {
        const std::uint64_t mask = ~std::uint64_t{0} >> (64 - width);
        std::stable_sort(items.begin(), items.end(), [&](const Item& a, const Item& b) {
            return (bits_of(a) & mask) < (bits_of(b) & mask);
        });
        return;
    }
    other.resize(items.size());
    const int passes = (width + kDigitBits - 1) / kDigitBits;
    const auto digit = [&bits_of](const Item& item, int pass) {
        return static_cast<std::size_t>(bits_of(item) >> (pass * kDigitBits)) & (kDigits - 1);
    };
    // Counted for all digits at once: the next count of one digit waits for the last, and upper digits are
    // few.
    std::array<std::array<std::uint32_t, kDigits>, 64 / kDigitBits> places;
    std::fill_n(places.begin(), passes, std::array<std::uint32_t, kDigits>{});
    for (const Item& item : items) {
        for (int pass = 0; pass < passes; ++pass) {
            ++places[static_cast<std::size_t>(pass)][digit(item, pass)];
        }
    }
    for (int pass = 0; pass < passes; ++pass) {
        auto& of_pass = places[static_cast<std::size_t>(pass)];
        std::uint32_t place = 0;
        for (std::uint32_t& count : of_pass) place += std::exchange(count, place);
        for (const Item& item : items) other[of_pass[digit(item, pass)]++] = item;
        items.swap(other);
    }
}

}  // namespace

// By digits, the lowest first. Costs that are not negative are in the order of their bits, and only the bits
// in which they differ are looked at: sums of squared lengths are whole numbers, whose lower bits are all 0,
// so that three or four digits tell them apart.
void CostSorter::sort(std::span<std::int64_t> sequences, std::span<const double> costs) {
    keys_.resize(sequences.size());
    std::uint64_t all = ~std::uint64_t{0};
    std::uint64_t any = 0;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
        check_interrupt_at(i);
        // + 0.0 makes 0 of -0, whose bits are not in order.
        const auto bits = std::bit_cast<std::uint64_t>(costs[static_cast<std::size_t>(sequences[i])] + 0.0);
        keys_[i] = ~bits;
        all &= bits;
        any |= bits;
    }
    const std::uint64_t differ = all ^ any;
    if (differ == 0) return;
    const int lowest = std::countr_zero(differ);
    const int width = static_cast<int>(std::bit_width(differ)) - lowest;
    const int place_bits = static_cast<int>(std::bit_width(keys_.size() - 1));
    if (width + place_bits <= 64) {
        // The item's number fits beside what differs, so that nothing is carried along.
        const std::uint64_t mask = ~std::uint64_t{0} >> (64 - width);
        for (std::size_t i = 0; i < keys_.size(); ++i) {
            keys_[i] = (keys_[i] >> lowest & mask) << place_bits | i;
        }
        const auto bits_of = [place_bits](std::uint64_t key) { return key >> place_bits; };
        sort_by_digits(keys_, other_keys_, width, bits_of);
        order_.assign(sequences.begin(), sequences.end());
        const std::uint64_t place = (std::uint64_t{1} << place_bits) - 1;
        for (std::size_t i = 0; i < keys_.size(); ++i) sequences[i] = order_[keys_[i] & place];
        return;
    }
    items_.resize(keys_.size());
    for (std::size_t i = 0; i < keys_.size(); ++i) items_[i] = {keys_[i], sequences[i]};
    sort_by_digits(items_, other_items_, width, [lowest](const Item& item) { return item.key >> lowest; });
    for (std::size_t i = 0; i < items_.size(); ++i) sequences[i] = items_[i].sequence;
}

}  // namespace pypack
