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

// Takes out of what is chosen the tokens that are never chosen and those that labels say are not to be
// learned; where labels are to tell, both are noted.
template <typename Token, typename Id>
inline void take_out(const ObjectiveSpan& span, const Token* tokens, const Id* labels, std::int64_t count,
                     const NeverChosen& never, bool tells, Instructions instructions, PieceChoice& choice) {
    if (!choice.knows_never) {
        never.find(tokens, count, tells ? nullptr : choice.chosen, instructions, choice.never);
    }
    for (std::int64_t at = 0, block = 0; at < count; at += kChosenBlock, ++block) {
        const std::int64_t here = std::min(kChosenBlock, count - at);
        std::uint64_t out = choice.never[block];
        if (span.labels_tell) {
            const std::uint64_t there = here < 64 ? (std::uint64_t{1} << here) - 1 : ~std::uint64_t{0};
            out |= there & ~label_bits(labels + at, here, instructions);
        }
        choice.chosen[block] &= ~out;
        if (tells) choice.unlearned[block] = out;
    }
}

// Piece by piece: choose(tokens, first, count, choice) has `count` tokens from `first` on chosen, and their
// ids, labels and loss mask are written. Tokens that are never chosen, and those that labels say are not to
// be learned, need not be left out. `instructions`: resolved.
template <typename Id, typename Choose>
void mask_span(const ObjectiveSpan& span, const ObjectiveArrays<Id>& arrays, const Kinds& kinds, Id mask_id,
               const NeverChosen& never, Instructions instructions, Choose&& choose) {
    Id* const ids = arrays.input_ids + span.begin;
    Id* const labels = arrays.labels + span.begin;
    Id* const originals = arrays.originals == nullptr ? nullptr : arrays.originals + span.begin;
    float* const loss_mask = arrays.loss_mask == nullptr ? nullptr : arrays.loss_mask + span.begin;
    const bool tells = arrays.tells_chosen;
    PieceChoice choice;
    with_tokens(span, static_cast<const Id*>(ids), [&](const auto* tokens) {
        for (std::int64_t first = 0; first < span.length; first += kChosenPiece) {
            const std::int64_t count = std::min(kChosenPiece, span.length - first);
            const std::int64_t blocks = (count + kChosenBlock - 1) / kChosenBlock;
            choose(tokens + first, first, count, choice);
            take_out(span, tokens + first, labels + first, count, never, tells, instructions, choice);
            Id* const before = originals == nullptr ? nullptr : originals + first;
            write_piece(tokens + first, count,
                        PieceArrays<Id>{ids + first, labels + first, before, tells, mask_id}, choice,
                        instructions);
            for (std::int64_t block = 0; block < blocks; ++block) {
                choice.replaced[block] &= choice.chosen[block] & ~choice.masked[block];
            }
            kinds.replace(choice.replaced, blocks, first, ids);
            if (loss_mask == nullptr) continue;
            write_loss_mask(loss_mask + first, count, tells ? choice.unlearned : choice.chosen, !tells);
        }
    });
}

}  // namespace pypack
