// What all ways to mask a span share, once they have chosen its tokens.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/instructions.hpp"
#include "objective/label_places.hpp"
#include "objective/masked_piece.hpp"
#include "objective/objective.hpp"
#include "objective/replacement.hpp"

namespace pypack {

// Bits of the tokens of a piece.
struct PieceChoice {
    PieceBits chosen;
    PieceBits masked;                                     // of those that become the mask,
    std::uint64_t replaced[kChosenPiece / kChosenBlock];  // and of those that do, or become any token
};

// Piece by piece: choose(first, count, choice) has `count` tokens from `first` on chosen, and their ids,
// labels and loss mask are written. Tokens that are never chosen, and those that labels say are not to be
// learned, need not be left out. `instructions`: resolved.
template <typename Id, typename Choose>
void mask_span(const ObjectiveSpan& span, const ObjectiveArrays<Id>& arrays, const Kinds& kinds, Id mask_id,
               const NeverChosen& never, Instructions instructions, Choose&& choose) {
    Id* const ids = arrays.input_ids + span.begin;
    Id* const labels = arrays.labels + span.begin;
    float* const loss_mask = arrays.loss_mask == nullptr ? nullptr : arrays.loss_mask + span.begin;
    PieceChoice choice;
    for (std::int64_t first = 0; first < span.length; first += kChosenPiece) {
        const std::int64_t count = std::min(kChosenPiece, span.length - first);
        const std::int64_t blocks = (count + kChosenBlock - 1) / kChosenBlock;
        choose(first, count, choice);
        for (std::int64_t block = 0; span.labels_tell && block < blocks; ++block) {
            const std::int64_t at = block * kChosenBlock;
            choice.chosen[block] &=
                label_bits(labels + first + at, std::min(kChosenBlock, count - at), instructions);
        }
        write_piece(ids + first, labels + first, count, mask_id, never, choice.chosen, choice.masked,
                    instructions);
        for (std::int64_t block = 0; block < blocks; ++block) {
            choice.replaced[block] &= choice.chosen[block] & ~choice.masked[block];
        }
        kinds.replace(choice.replaced, blocks, first, ids);
        if (loss_mask != nullptr) write_loss_mask(loss_mask + first, count, choice.chosen);
    }
}

}  // namespace pypack
