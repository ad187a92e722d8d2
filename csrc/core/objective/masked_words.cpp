#include "objective/masked_words.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "common/types.hpp"
#include "objective/chosen_bits.hpp"

namespace pypack {

namespace {

class MaskedWords : public Objective {
  public:
    MaskedWords(std::uint64_t chance, const Replacement& replacement, TokenSet never,
                std::shared_ptr<const WordBits> borders, Instructions instructions)
        : chance_(chance),
          replacement_(replacement),
          never_(std::move(never)),
          borders_(std::move(borders)),
          instructions_(instructions) {}

    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int64_t>& arrays) const override {
        mask_all(spans, arrays);
    }
    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int32_t>& arrays) const override {
        mask_all(spans, arrays);
    }

  private:
    static constexpr std::int64_t kBlocks = kChosenPiece / kChosenBlock;

    // Of a piece of a span: whether a token may begin a word is told by its bit and by the token before.
    struct Piece {
        std::uint64_t starts[kBlocks];  // a word begins; first of all, what the store says
        std::uint64_t never[kBlocks];   // never chosen
        std::uint64_t chosen[kBlocks];
        std::uint32_t places[kChosenPiece + 16];
        std::uint32_t originals[kChosenPiece];
        std::uint32_t tokens[kChosenPiece];
    };

    template <typename Id>
    void mask_all(std::span<const ObjectiveSpan> spans, const ObjectiveArrays<Id>& arrays) const {
        const auto piece = std::make_unique<Piece>();
        for (const ObjectiveSpan& span : spans) mask(span, arrays, *piece);
    }

    template <typename Id>
    void mask(const ObjectiveSpan& span, const ObjectiveArrays<Id>& arrays, Piece& piece) const {
        Id* const ids = arrays.input_ids + span.begin;
        Id* const labels = arrays.labels + span.begin;
        float* const loss_mask = arrays.loss_mask == nullptr ? nullptr : arrays.loss_mask + span.begin;
        const Chances chances(span.key, chance_, instructions_);
        std::uint64_t goes_on = 0;  // the lowest bit: the last word is chosen, and may go on
        std::uint64_t starts = 1;   // the lowest bit: a word begins with what comes next
        for (std::int64_t first = 0; first < span.length; first += kChosenPiece) {
            const std::int64_t count = std::min(kChosenPiece, span.length - first);
            const std::int64_t blocks = (count + kChosenBlock - 1) / kChosenBlock;
            borders_->copy(span.store, span.document, span.start + first, count, piece.starts);
            chances.choose(first, count, piece.chosen);
            for (std::int64_t block = 0; block < blocks; ++block) {
                const std::int64_t at = block * kChosenBlock;
                const std::int64_t here = std::min(kChosenBlock, count - at);
                const std::uint64_t never = never_.contained(ids + first + at, here, instructions_);
                piece.never[block] = never;
                piece.starts[block] |= never | never << 1 | starts;
                starts = never >> 63;
                piece.chosen[block] = whole(piece.chosen[block], piece.starts[block], here, goes_on);
            }
            for (std::int64_t block = 0; block < blocks; ++block) piece.chosen[block] &= ~piece.never[block];
            std::size_t found = list_places(piece.chosen, blocks, first, instructions_, piece.places);
            if (span.labels_tell) found = learned(labels, found, piece);
            for (std::size_t i = 0; i < found; ++i) {
                piece.originals[i] = static_cast<std::uint32_t>(ids[piece.places[i]]);
            }
            replacement_.replace(span.key, {piece.places, found}, piece.originals, piece.tokens);
            if (span.labels_tell) {
                std::fill_n(labels + first, count, static_cast<Id>(kIgnoreLabel));
                if (loss_mask != nullptr) std::fill_n(loss_mask + first, count, 0.0F);
            }
            for (std::size_t i = 0; i < found; ++i) {
                const std::uint32_t place = piece.places[i];
                ids[place] = static_cast<Id>(piece.tokens[i]);
                labels[place] = static_cast<Id>(piece.originals[i]);
                if (loss_mask != nullptr) loss_mask[place] = 1.0F;
            }
        }
    }

    // All tokens of the words whose first token is chosen: a sum carries the bit of a chosen word through the
    // bits behind it that continue it, up to the next start, which is 0.
    static std::uint64_t whole(std::uint64_t chosen, std::uint64_t starts, std::int64_t count,
                               std::uint64_t& goes_on) {
        const std::uint64_t counted = count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
        const std::uint64_t rest = counted & ~starts;
        const std::uint64_t begins = chosen & starts & counted;
        const std::uint64_t seeds = (begins << 1 | goes_on) & rest;
        const std::uint64_t words = begins | (((rest + seeds) ^ rest) & rest);
        goes_on = words >> 63;
        return words;
    }

    // Keeps the places that are to be learned, and says how many.
    template <typename Id>
    static std::size_t learned(const Id* labels, std::size_t found, Piece& piece) {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < found; ++i) {
            piece.places[kept] = piece.places[i];
            kept += labels[piece.places[i]] == static_cast<Id>(kIgnoreLabel) ? 0 : 1;
        }
        return kept;
    }

    std::uint64_t chance_;
    Replacement replacement_;
    TokenSet never_;
    std::shared_ptr<const WordBits> borders_;
    Instructions instructions_;
};

}  // namespace

std::shared_ptr<Objective> masked_words(std::uint64_t chance, const Replacement& replacement, TokenSet never,
                                        std::shared_ptr<const WordBits> borders, Instructions instructions) {
    return std::make_shared<MaskedWords>(chance, replacement, std::move(never), std::move(borders),
                                         resolve(instructions));
}

}  // namespace pypack
