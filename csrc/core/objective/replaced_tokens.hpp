// Replaced token detection: some tokens become others, and a model tells which.
#pragma once

#include <cstdint>
#include <memory>

#include "common/instructions.hpp"
#include "objective/objective.hpp"
#include "objective/token_set.hpp"

namespace pypack {

// For a generator (ELECTRA's): `choosing` chooses tokens and masks them. Adds "original_ids", the batch
// before that; and of every row, in arrays of one size, "masked_positions" (in the row; in the varlen layout
// in the batch) and "masked_labels", the original tokens: 0 and kIgnoreLabel where a row has fewer. Of more,
// the last ones are put back, and "masks_left_out" counts them. The size: so many, or where negative a share
// of the row.
[[nodiscard]] std::shared_ptr<Objective> generator_arrays(std::shared_ptr<const Objective> choosing,
                                                          double row_share, std::int64_t row_items);

// Without a generator (RTS): `choosing` replaces tokens. Labels become 1 where it did, even by the same
// token, 0 elsewhere, and kIgnoreLabel at the tokens of `never` and at those that are not to be learned. Adds
// "original_ids".
[[nodiscard]] std::shared_ptr<Objective> detected_tokens(std::shared_ptr<const Objective> choosing,
                                                         TokenSet never, Instructions instructions);

}  // namespace pypack
