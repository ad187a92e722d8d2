// Rows of varying length in two flat arrays: row i is values[offsets[i] .. offsets[i+1]).
#pragma once

#include <vector>

#include "common/types.hpp"

namespace pypack {

struct Ragged {
    std::vector<TokenId> values;
    std::vector<Offset> offsets{0};

    [[nodiscard]] Offset num_rows() const { return static_cast<Offset>(offsets.size()) - 1; }
};

}  // namespace pypack
