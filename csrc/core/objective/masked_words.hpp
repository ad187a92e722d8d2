// Masked language modelling of whole words whose borders are known.
#pragma once

#include <cstdint>
#include <memory>

#include "common/instructions.hpp"
#include "objective/objective.hpp"
#include "objective/replacement.hpp"
#include "objective/token_set.hpp"
#include "objective/word_bits.hpp"

namespace pypack {

// As masked_tokens (masked_tokens.hpp) with whole words, which begin where `borders` say, with the span, and
// at tokens of `never` and behind them.
[[nodiscard]] std::shared_ptr<Objective> masked_words(std::uint64_t chance, const Replacement& replacement,
                                                      TokenSet never, std::shared_ptr<const WordBits> borders,
                                                      Instructions instructions);

}  // namespace pypack
