// A piece of a span, once bits say which of its tokens are chosen and masked.
#pragma once

#include <cstdint>
#include <utility>

#include "common/instructions.hpp"
#include "objective/chosen_bits.hpp"
#include "objective/token_set.hpp"

namespace pypack {

// A bit a token of a piece; a word more, so that 64 bits can be read from any token on.
using PieceBits = std::uint64_t[kChosenPiece / kChosenBlock + 1];

// Which tokens are never chosen, and near which of all tokens they are.
struct NeverChosen {
    NeverChosen(TokenSet set, std::uint64_t vocab_size)
        : tokens(std::move(set)), near(tokens.range(vocab_size)) {}

    TokenSet tokens;
    TokenSet::Range near;
};

// Labels become the ids of the chosen tokens, and kIgnoreLabel elsewhere; of these tokens those become
// `mask_id` whose bit is 1 in `masked`, too. Where a token is never chosen, its bit in `chosen` becomes 0
// first. `ids` and `labels` of the piece's first token, `instructions` resolved.
template <typename Id>
void write_piece(Id* ids, Id* labels, std::int64_t count, Id mask_id, const NeverChosen& never,
                 PieceBits& chosen, const PieceBits& masked, Instructions instructions);

// 1 where a token is chosen, else 0.
void write_loss_mask(float* loss_mask, std::int64_t count, const PieceBits& chosen);

}  // namespace pypack
