#include "objective/gap_tables.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace pypack {

namespace {

constexpr std::uint64_t kCertain = std::uint64_t{1} << 32;
constexpr std::uint64_t kMost = kCertain - (kCertain >> 4);

// Chances of the gaps 0 to 62 and of longer ones, in units of 2^-63.
std::array<std::uint64_t, 64> chances_of_gaps(std::uint64_t chance) {
    __extension__ using Wide = unsigned __int128;
    std::array<std::uint64_t, 64> found{};
    std::uint64_t left = std::uint64_t{1} << 63;
    for (std::size_t gap = 0; gap + 1 < found.size(); ++gap) {
        const auto next = static_cast<std::uint64_t>((static_cast<Wide>(left) * (kCertain - chance)) >> 32);
        found[gap] = left - next;
        left = next;
    }
    found.back() = left;
    return found;
}

}  // namespace

GapTable gap_table(std::uint64_t chance) {
    constexpr std::uint64_t kEach = std::uint64_t{1} << 57;  // of an entry
    std::array<std::uint64_t, 64> left = chances_of_gaps(chance);
    std::array<std::uint32_t, 64> small{};
    std::array<std::uint32_t, 64> large{};
    std::size_t smalls = 0;
    std::size_t larges = 0;
    for (std::uint32_t gap = 0; gap < 64; ++gap) {
        if (left[gap] < kEach) {
            small[smalls++] = gap;
        } else {
            large[larges++] = gap;
        }
    }
    GapTable table{};
    const auto enter = [&](std::uint32_t gap, std::uint64_t own, std::uint32_t other) {
        const std::uint64_t below = std::min<std::uint64_t>(own >> 31, (std::uint64_t{1} << 26) - 1);
        table[gap] = static_cast<std::uint32_t>(below << 6) | other;
    };
    while (smalls > 0 && larges > 0) {
        const std::uint32_t one = small[--smalls];
        const std::uint32_t other = large[larges - 1];
        enter(one, left[one], other);
        left[other] -= kEach - left[one];
        if (left[other] < kEach) {
            --larges;
            small[smalls++] = other;
        }
    }
    while (larges > 0) {
        --larges;
        enter(large[larges], kEach, large[larges]);
    }
    while (smalls > 0) {
        --smalls;
        enter(small[smalls], kEach, small[smalls]);
    }
    return table;
}

GapTables::GapTables(std::int64_t limit) : limit_(limit) {
    const std::uint64_t last = chance_for(std::max<std::int64_t>(limit / 2, 1));
    std::uint64_t chance = chance_for(1);
    for (; chance < last; chance += chance / 64 + 1) chances_.push_back(chance);
    chances_.push_back(last);
    for (const std::uint64_t one : chances_) tables_.push_back(gap_table(one));
}

// Of as many trials as the limit more succeed on average, by one and a half times the square root, than are
// wanted: fewer than wanted do so one time in fifteen or less.
std::uint64_t GapTables::chance_for(std::int64_t size) const {
    __extension__ using Wide = unsigned __int128;
    const auto root = static_cast<std::int64_t>(std::sqrt(static_cast<double>(size)));
    const auto wanted = static_cast<Wide>(size + 3 * root / 2 + 2);
    const auto limit = static_cast<std::uint64_t>(limit_);
    const Wide chance = (wanted * kCertain + limit - 1) / limit;
    return chance < kMost ? static_cast<std::uint64_t>(chance) : kMost;
}

const GapTable& GapTables::for_sample(std::int64_t size) const {
    const auto at = std::lower_bound(chances_.begin(), chances_.end(), chance_for(size));
    return tables_[static_cast<std::size_t>(std::min(at, chances_.end() - 1) - chances_.begin())];
}

}  // namespace pypack
