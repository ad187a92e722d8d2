#include "objective/masked_tokens.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <utility>

#include "common/types.hpp"
#include "objective/chosen_bits.hpp"

namespace pypack {

namespace {

static_assert(kReplaced >= kChosenBlock);

// The places of a block that are chosen and may be, and the tokens that stand there.
struct Chosen {
    std::uint32_t places[kChosenBlock + 1];
    std::uint32_t originals[kChosenBlock];
    std::uint32_t tokens[kChosenBlock];
    std::size_t count = 0;
};

class MaskedTokens : public Objective {
  public:
    MaskedTokens(std::uint64_t chance, const Replacement& replacement, TokenSet never,
                 std::optional<TokenSet> word_starts)
        : chance_(chance),
          replacement_(replacement),
          never_(std::move(never)),
          word_starts_(std::move(word_starts)) {}

    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int64_t>& arrays) const override {
        for (const ObjectiveSpan& span : spans) mask(span, arrays);
    }
    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int32_t>& arrays) const override {
        for (const ObjectiveSpan& span : spans) mask(span, arrays);
    }

  private:
    template <typename Id>
    void mask(const ObjectiveSpan& span, const ObjectiveArrays<Id>& arrays) const {
        Id* const ids = arrays.input_ids + span.begin;
        Id* const labels = arrays.labels + span.begin;
        const Chances chances(span.key, chance_);
        bool goes_on = false;  // the last word of the block before is chosen, and may go on
        Chosen chosen;
        for (std::int64_t first = 0; first < span.length; first += kChosenBlock) {
            const std::int64_t count = std::min(kChosenBlock, span.length - first);
            std::uint64_t bits[kChosenBlock / 64];
            chances.choose(first, count, bits);
            chosen.count = 0;
            if (word_starts_) {
                goes_on = find_words(ids, labels, first, first + count, bits, goes_on, chosen);
            } else {
                find_tokens(ids, labels, first, count, bits, chosen);
            }
            for (std::size_t i = 0; i < chosen.count; ++i) {
                const std::uint32_t place = chosen.places[i];
                chosen.originals[i] = chosen.tokens[i] = static_cast<std::uint32_t>(ids[place]);
            }
            replacement_.replace(span.key, {chosen.places, chosen.count}, chosen.tokens);
            std::fill_n(labels + first, count, static_cast<Id>(kIgnoreLabel));
            for (std::size_t i = 0; i < chosen.count; ++i) {
                const std::uint32_t place = chosen.places[i];
                ids[place] = static_cast<Id>(chosen.tokens[i]);
                labels[place] = static_cast<Id>(chosen.originals[i]);
            }
            if (arrays.loss_mask != nullptr) {
                std::fill_n(arrays.loss_mask + span.begin + first, count, 0.0F);
                for (std::size_t i = 0; i < chosen.count; ++i) {
                    arrays.loss_mask[span.begin + chosen.places[i]] = 1.0F;
                }
            }
        }
    }

    // Takes the place if the token may be chosen; without a branch, as one in seven places is looked at.
    template <typename Id>
    void take(const Id* ids, const Id* labels, std::int64_t place, Chosen& chosen) const {
        chosen.places[chosen.count] = static_cast<std::uint32_t>(place);
        const bool may = !never_.contains(ids[place]) & (labels[place] != static_cast<Id>(kIgnoreLabel));
        chosen.count += may ? 1 : 0;
    }

    template <typename Id>
    void find_tokens(const Id* ids, const Id* labels, std::int64_t first, std::int64_t count,
                     const std::uint64_t* bits, Chosen& chosen) const {
        for (std::int64_t at = 0; at < count; at += 64) {
            for (std::uint64_t left = bits[at / 64]; left != 0; left &= left - 1) {
                take(ids, labels, first + at + std::countr_zero(left), chosen);
            }
        }
    }

    // Looks only at chosen places and what follows them, not at every token. Returns whether the last word is
    // chosen and reaches the end of the block.
    template <typename Id>
    bool find_words(const Id* ids, const Id* labels, std::int64_t first, std::int64_t last,
                    const std::uint64_t* bits, bool goes_on, Chosen& chosen) const {
        const auto begins = [&](std::int64_t place) {
            return place == 0 || word_starts_->contains(ids[place]);
        };
        const auto rest_of_word = [&](std::int64_t place) {
            while (place < last && !begins(place)) take(ids, labels, place++, chosen);
            return place == last;
        };
        bool open = goes_on && rest_of_word(first);
        for (std::int64_t at = first; at < last; at += 64) {
            for (std::uint64_t left = bits[(at - first) / 64]; left != 0; left &= left - 1) {
                const std::int64_t place = at + std::countr_zero(left);
                if (!begins(place)) continue;
                take(ids, labels, place, chosen);
                open = rest_of_word(place + 1);
            }
        }
        return open;
    }

    std::uint64_t chance_;
    Replacement replacement_;
    TokenSet never_;
    std::optional<TokenSet> word_starts_;
};

}  // namespace

std::shared_ptr<Objective> masked_tokens(std::uint64_t chance, const Replacement& replacement, TokenSet never,
                                         std::optional<TokenSet> word_starts) {
    return std::make_shared<MaskedTokens>(chance, replacement, std::move(never), std::move(word_starts));
}

}  // namespace pypack
