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
    NeverChosen(TokenSet set, std::uint64_t vocab_size);

    TokenSet tokens;
    TokenSet::Range near;
    // The same of tokens of sixteen bits: those near are begin16 + n with n up to last16, modulo 2^16, if
    // any.
    bool any16 = false;
    std::uint16_t begin16 = 0;
    std::uint16_t last16 = 0;

    // Of the tokens of a piece those that are never chosen, a bit each; only among those whose bit is 1 in
    // `among`, where there is one. `instructions`: resolved.
    template <typename Token>
    void find(const Token* at, std::int64_t count, const std::uint64_t* among, Instructions instructions,
              std::uint64_t* found) const;
};

// Where a piece goes, from its first token on.
template <typename Id>
struct PieceArrays {
    Id* ids;
    Id* labels;
    Id* originals;  // or null
    bool tells_chosen;
    Id mask_id;
};

// Bits of the tokens of a piece: those chosen, and those that become the mask if they are chosen; where
// labels tell chosen tokens, also those that are not to be learned.
struct PieceChoice {
    PieceBits chosen;
    PieceBits masked;
    PieceBits unlearned;
    std::uint64_t never[kChosenPiece / kChosenBlock];     // those that are never chosen,
    bool knows_never = false;                             // where who chooses has looked
    std::uint64_t replaced[kChosenPiece / kChosenBlock];  // those that become the mask, or any token
};

// `tokens`, which may be the ids themselves, go to ids (but for those that become the mask) and originals.
// Labels become the tokens that are chosen, and kIgnoreLabel elsewhere; or they tell (ObjectiveArrays). No
// token of `never` is among those chosen any more. `instructions` resolved.
template <typename Token, typename Id>
void write_piece(const Token* tokens, std::int64_t count, const PieceArrays<Id>& to,
                 const PieceChoice& choice, Instructions instructions);

// Tokens of which none is chosen, of any number: to ids and originals, which may be null; all labels become
// kIgnoreLabel.
template <typename Token, typename Id>
void write_unchosen(const Token* tokens, std::int64_t count, Id* ids, Id* labels, Id* originals,
                    Instructions instructions);

// 1 where a token's bit is `value`, else 0.
void write_loss_mask(float* loss_mask, std::int64_t count, const PieceBits& bits, bool value);

}  // namespace pypack
