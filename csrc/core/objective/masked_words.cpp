#include "objective/masked_words.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "objective/chosen_bits.hpp"
#include "objective/masked_span.hpp"

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

  private:
    static constexpr std::int64_t kBlocks = kChosenPiece / kChosenBlock;

    template <typename Id>
    void mask(const ObjectiveSpan& span, const ObjectiveArrays<Id>& arrays) const {
        const Id* const ids = arrays.input_ids + span.begin;
        const Chances chances(span.key, chance_, instructions_);
        const Kinds kinds(span.key, replacement_, instructions_);
        std::uint64_t goes_on = 0;  // the lowest bit: the last word is chosen, and may go on
        std::uint64_t begins = 1;   // the lowest bit: a word begins with what comes next
        const auto choose = [&](std::int64_t first, std::int64_t count, PieceChoice& choice) {
            std::uint64_t starts[kBlocks];  // first of all, what the store says
            borders_->copy(span.store, span.document, span.start + first, count, starts);
            chances.choose(first, count, choice.chosen);
            for (std::int64_t block = 0; block * kChosenBlock < count; ++block) {
                const std::int64_t at = block * kChosenBlock;
                const std::int64_t here = std::min(kChosenBlock, count - at);
                const std::uint64_t never = never_.tokens.contained(ids + first + at, here, instructions_);
                starts[block] |= never | never << 1 | begins;
                begins = never >> 63;
                choice.chosen[block] = whole(choice.chosen[block], starts[block], here, goes_on);
            }
            kinds.sort(first, count, choice.masked, choice.replaced);
        };
        mask_span(span, arrays, kinds, static_cast<Id>(replacement_.mask_id), never_, instructions_, choose);
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
