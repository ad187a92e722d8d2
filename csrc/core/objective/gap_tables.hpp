// Gaps between the successes of independent trials, all with one chance: tables to draw them from.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace pypack {

// A number of 32 bits gives a gap from 0 to 62, or 63 for "that many trials fail, draw again": its lowest six
// bits choose an entry; where the others are below the entry's, the gap is that number, else the entry's
// lowest six bits (Walker's alias method; each chance is exact to 2^-32).
using GapTable = std::array<std::uint32_t, 64>;
inline constexpr std::uint32_t kNoSuccess = 63;

// `chance`: of a success, in units of 2^-32, below 2^32.
[[nodiscard]] GapTable gap_table(std::uint64_t chance);

// Tables for samples of any size, at most half, of `limit` numbers: with chances at which mostly as many
// succeed as are wanted, and few more.
class GapTables {
  public:
    explicit GapTables(std::int64_t limit);

    [[nodiscard]] std::int64_t limit() const { return limit_; }
    [[nodiscard]] const GapTable& for_sample(std::int64_t size) const;

  private:
    [[nodiscard]] std::uint64_t chance_for(std::int64_t size) const;

    std::int64_t limit_;
    std::vector<std::uint64_t> chances_;  // each 1/64 above the one before
    std::vector<GapTable> tables_;
};

}  // namespace pypack
