#include "objective/masked_tokens.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "objective/chosen_bits.hpp"
#include "objective/draws.hpp"
#include "objective/masked_piece.hpp"
#include "objective/masked_span.hpp"

namespace pypack {

namespace {

// What the block before says of the first token of a block, as its lowest bit.
struct Before {
    std::uint64_t goes_on = 0;  // the last word is chosen, and may go on
    std::uint64_t starts = 1;   // a word begins here: the span does, or the last token was none of a word
};

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
        if (word_starts) words_.emplace(never_.tokens, *word_starts);
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

  private:
    template <typename Id>
    void mask(const ObjectiveSpan& span, const ObjectiveArrays<Id>& arrays) const {
        const Id* const ids = arrays.input_ids + span.begin;
        const TokenNumbers numbers(span.key, Purpose::kChoose, Purpose::kTie, instructions_);
        const Kinds kinds(span.key, replacement_, instructions_);
        Before before;
        const auto choose = [&](std::int64_t first, std::int64_t count, PieceChoice& choice) {
            if (words_) {
                numbers.below<1>({chance_}, first, count, {choice.chosen});
                choose_words(ids + first, count, choice.chosen, before);
                kinds.sort(first, count, choice.masked, choice.replaced);
            } else {
                numbers.below<3>({mask_below_, word_below_, chance_}, first, count,
                                 {choice.masked, choice.replaced, choice.chosen});
            }
        };
        mask_span(span, arrays, kinds, static_cast<Id>(replacement_.mask_id), never_, instructions_, choose);
    }

    template <typename Id>
    void choose_words(const Id* ids, std::int64_t count, std::uint64_t* chosen, Before& before) const {
        for (std::int64_t at = 0; at < count; at += kChosenBlock, ++chosen) {
            *chosen = whole_words(ids + at, std::min(kChosenBlock, count - at), *chosen, before);
        }
    }

    // All tokens of the words whose first token is chosen. A sum carries every chosen word's bit through the
    // bits behind it that continue words, up to the next start, which is 0.
    template <typename Id>
    std::uint64_t whole_words(const Id* ids, std::int64_t count, std::uint64_t chosen, Before& before) const {
        std::uint64_t never = 0;
        std::uint64_t begin = 0;
        words_->contained(ids, count, instructions_, never, begin);
        const std::uint64_t starts = begin | never | never << 1 | before.starts;
        const std::uint64_t counted = count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
        const std::uint64_t rest = counted & ~starts;
        const std::uint64_t begins = chosen & starts;
        const std::uint64_t seeds = (begins << 1 | before.goes_on) & rest;
        const std::uint64_t words = begins | (((rest + seeds) ^ rest) & rest);
        before = {words >> 63, never >> 63};
        return words;
    }

    std::uint64_t chance_;
    // Of single tokens one number says all: those below the first become the mask, those from there to the
    // second any of the vocabulary, those from there to the chance stay.
    std::uint64_t mask_below_;
    std::uint64_t word_below_;
    Replacement replacement_;
    NeverChosen never_;
    std::optional<TokenPair> words_;  // which tokens are never chosen, and which begin a word
    Instructions instructions_;
};

}  // namespace

std::shared_ptr<Objective> masked_tokens(std::uint64_t chance, const Replacement& replacement, TokenSet never,
                                         std::optional<TokenSet> word_starts, Instructions instructions) {
    return std::make_shared<MaskedTokens>(chance, replacement, std::move(never), word_starts,
                                          resolve(instructions));
}

}  // namespace pypack
