// Masked language modelling: tokens are chosen, replaced, and become the only labels.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "common/instructions.hpp"
#include "objective/objective.hpp"
#include "objective/replacement.hpp"
#include "objective/token_set.hpp"

namespace pypack {

// Every token, or every word, is chosen with the same chance, in units of 2^-32. `never`: tokens that are not
// chosen. With `word_starts`, a word begins at each of these tokens and with the span, and is chosen as a
// whole.
[[nodiscard]] std::shared_ptr<Objective> masked_tokens(std::uint64_t chance, const Replacement& replacement,
                                                       TokenSet never, std::optional<TokenSet> word_starts,
                                                       Instructions instructions);

}  // namespace pypack
