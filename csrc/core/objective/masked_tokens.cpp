#include "objective/masked_tokens.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "objective/chosen_bits.hpp"
#include "objective/draws.hpp"
#include "objective/masked_piece.hpp"
#include "objective/masked_span.hpp"
#include "objective/whole_words.hpp"

namespace pypack {

namespace {

// Chances of two things at once, in units of 2^-32.
std::uint64_t of_both(std::uint64_t one, std::uint64_t other) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(one) * other) >> 32);
}

class MaskedTokens : public Objective {
  public:
    MaskedTokens(std::uint64_t chance, const Replacement& replacement, TokenSet never,
                 const std::optional<TokenSet>& word_starts, Instructions instructions)
        : chance_(chance),
          mask_below_(of_both(chance, replacement.mask_below)),
          word_below_(of_both(chance, replacement.word_below)),
          replacement_(replacement),
          never_(std::move(never), replacement.vocab_size),
          instructions_(instructions) {
        if (word_starts) starts_.emplace(*word_starts);
    }

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
    template <typename Id>
    void mask(const ObjectiveSpan& span, const ObjectiveArrays<Id>& arrays) const {
        const TokenNumbers numbers(span.key, Purpose::kChoose, Purpose::kTie, instructions_);
        const Kinds kinds(span.key, replacement_, instructions_);
        WholeWords words;
        const auto choose = [&](const auto* tokens, std::int64_t first, std::int64_t count,
                                PieceChoice& choice) {
            if (starts_) {
                numbers.below<1>({chance_}, first, count, {choice.chosen});
                choose_words(tokens, count, choice, words);
                kinds.sort(first, count, choice.masked, choice.replaced);
            } else {
                numbers.below<3>({mask_below_, word_below_, chance_}, first, count,
                                 {choice.masked, choice.replaced, choice.chosen});
            }
        };
        mask_span(span, arrays, kinds, static_cast<Id>(replacement_.mask_id), never_, instructions_, choose);
    }

    template <typename Token>
    void choose_words(const Token* tokens, std::int64_t count, PieceChoice& choice, WholeWords& words) const {
        never_.find(tokens, count, nullptr, instructions_, choice.never);
        choice.knows_never = true;
        for (std::int64_t at = 0, block = 0; at < count; at += kChosenBlock, ++block) {
            const std::int64_t here = std::min(kChosenBlock, count - at);
            choice.chosen[block] = words.choose(choice.chosen[block], starts_->contained(tokens + at, here),
                                                choice.never[block], here);
        }
    }

    std::uint64_t chance_;
    // Of single tokens one number says all: those below the first become the mask, those from there to the
    // second any of the vocabulary, those from there to the chance stay.
    std::uint64_t mask_below_;
    std::uint64_t word_below_;
    Replacement replacement_;
    NeverChosen never_;
    std::optional<TokenFlags> starts_;  // which tokens begin a word
    Instructions instructions_;
};

}  // namespace

std::shared_ptr<Objective> masked_tokens(std::uint64_t chance, const Replacement& replacement, TokenSet never,
                                         std::optional<TokenSet> word_starts, Instructions instructions) {
    return std::make_shared<MaskedTokens>(chance, replacement, std::move(never), word_starts,
                                          resolve(instructions));
}

}  // namespace pypack
