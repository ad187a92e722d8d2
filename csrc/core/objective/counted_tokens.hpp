// Masked language modelling by counts: a span gets as many draws of a place as its length says.
#pragma once

#include <cstdint>
#include <memory>

#include "common/instructions.hpp"
#include "objective/objective.hpp"
#include "objective/replacement.hpp"
#include "objective/token_set.hpp"

namespace pypack {

// Draws of a place in a span of `length` tokens: rate * length as float32 has it, rounded to even, at least 1
// and at most `most`.
[[nodiscard]] std::int64_t counted_draws(std::int64_t length, float rate, std::int64_t most);

// Places are drawn among the tokens that may be chosen, each draw from all of them: a token may be drawn
// again, and then is one label, and replaced if one of its draws says so. What replaces it is drawn for every
// draw.
[[nodiscard]] std::shared_ptr<Objective> counted_tokens(float rate, std::int64_t most,
                                                        const Replacement& replacement, TokenSet never,
                                                        Instructions instructions);

}  // namespace pypack
