#include "objective/masked_words.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "objective/chosen_bits.hpp"
#include "objective/masked_span.hpp"
#include "objective/whole_words.hpp"

namespace pypack {

namespace {

class MaskedWords : public Objective {
  public:
    MaskedWords(std::uint64_t chance, const Replacement& replacement, TokenSet never,
                std::shared_ptr<const WordBits> borders, Instructions instructions)
        : chance_(chance),
          replacement_(replacement),
          never_(std::move(never), replacement.vocab_size),
          borders_(std::move(borders)),
          instructions_(instructions) {}

    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int64_t>& arrays) const override {
        for (const ObjectiveSpan& span : spans) mask(span, arrays);
    }
    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int32_t>& arrays) const override {
        for (const ObjectiveSpan& span : spans) mask(span, arrays);
    }
    [[nodiscard]] bool writes_all_labels() const override { return true; }
    [[nodiscard]] bool writes_tokens() const override { return true; }
    [[nodiscard]] bool can_tell_chosen(const TokenSet& never) const override {
        return never == never_.tokens;
    }

  private:
    static constexpr std::int64_t kBlocks = kChosenPiece / kChosenBlock;

    template <typename Id>
    void mask(const ObjectiveSpan& span, const ObjectiveArrays<Id>& arrays) const {
        const Chances chances(span.key, chance_, instructions_);
        const Kinds kinds(span.key, replacement_, instructions_);
        WholeWords words;
        const auto choose = [&](const auto* tokens, std::int64_t first, std::int64_t count,
                                PieceChoice& choice) {
            std::uint64_t starts[kBlocks];  // first of all, what the store says
            borders_->copy(span.store, span.document, span.start + first, count, starts);
            chances.choose(first, count, choice.chosen);
            never_.find(tokens, count, nullptr, instructions_, choice.never);
            choice.knows_never = true;
            for (std::int64_t block = 0; block * kChosenBlock < count; ++block) {
                const std::int64_t here = std::min(kChosenBlock, count - block * kChosenBlock);
                choice.chosen[block] =
                    words.choose(choice.chosen[block], starts[block], choice.never[block], here);
            }
            kinds.sort(first, count, choice.masked, choice.replaced);
        };
        mask_span(span, arrays, kinds, static_cast<Id>(replacement_.mask_id), never_, instructions_, choose);
    }

    std::uint64_t chance_;
    Replacement replacement_;
    NeverChosen never_;
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
