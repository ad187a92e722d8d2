// Rows of words written as columns: what stands one behind the other in a few lists goes to as many places as
// the lists are long, a few words to each.
#pragma once

#include <cstdint>

#include "common/instructions.hpp"

namespace pypack {

inline constexpr int kMostRows = 8;  // words of a line

// columns[i][j] = rows[j][i] for i in [0, count) and j in [0, num_rows), of 1 to kMostRows; each column then
// counts on by num_rows. No word beyond is written. The words may be used memory of other types.
void rows_to_columns(const std::uint64_t* const* rows, int num_rows, std::int64_t count,
                     std::uint64_t** columns, Instructions instructions);

}  // namespace pypack
