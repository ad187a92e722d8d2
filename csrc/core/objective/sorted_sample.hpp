// Samples of numbers without repetition, in order, each as likely as every other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/instructions.hpp"
#include "objective/gap_tables.hpp"

namespace pypack {

// Memory that is used again for every sample.
class SortedSample {
  public:
    // `size` of the numbers from 0 to tables.limit() - 1, above 0 and below all of them, rising, into `out`.
    // Numbers succeed by a chance, from gap to gap; where as many do as are wanted or more, those that are
    // too many are drawn among them, and left out; else all begins anew. (A sample of more than half is drawn
    // as the numbers that are not in it.) `instructions`: resolved.
    template <typename Id>
    void draw(std::uint64_t draws, std::int64_t size, const GapTables& tables, Instructions instructions,
              Id* out);

  private:
    // All that succeed in one go, from draw `index` on, which moves on. Returns how many.
    std::size_t try_all(std::uint64_t draws, std::uint64_t& index, const GapTable& table, std::int64_t limit,
                        Instructions instructions);
    // Bits of those among `count` that stay when all but `size` are left out.
    void thin(std::uint64_t draws, std::size_t count, std::size_t size);
    void make_room(std::size_t count);

    std::vector<std::uint32_t> found_;
    std::vector<std::uint64_t> kept_;
};

}  // namespace pypack
