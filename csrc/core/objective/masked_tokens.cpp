#include "objective/masked_tokens.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "common/types.hpp"
#include "objective/chosen_bits.hpp"
#include "objective/taken_tokens.hpp"

namespace pypack {

namespace {

constexpr std::int64_t kPiece = kChosenPiece;

struct Chosen {
    std::uint32_t places[kPiece + 16];
    std::uint32_t originals[kPiece + 16];
    std::uint32_t tokens[kPiece];
};

// What the block before says of the first token of a block, as its lowest bit.
struct Before {
    std::uint64_t goes_on = 0;  // the last word is chosen, and may go on
    std::uint64_t starts = 1;   // a word begins here: the span does, or the last token was none of a word
};

class MaskedTokens : public Objective {
  public:
    MaskedTokens(std::uint64_t chance, const Replacement& replacement, TokenSet never,
                 const std::optional<TokenSet>& word_starts, Instructions instructions)
        : chance_(chance), replacement_(replacement), never_(std::move(never)), instructions_(instructions) {
        if (word_starts) words_.emplace(never_, *word_starts);
    }

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
        float* const loss_mask = arrays.loss_mask == nullptr ? nullptr : arrays.loss_mask + span.begin;
        const Chances chances(span.key, chance_, instructions_);
        Before before;
        Chosen chosen;
        for (std::int64_t first = 0; first < span.length; first += kPiece) {
            const std::int64_t last = std::min(first + kPiece, span.length);
            const std::int64_t blocks = (last - first + kChosenBlock - 1) / kChosenBlock;
            std::uint64_t bits[kPiece / kChosenBlock];
            chances.choose(first, last - first, bits);
            for (std::int64_t block = 0; words_ && block < blocks; ++block) {
                const std::int64_t at = first + block * kChosenBlock;
                bits[block] = whole_words(ids, at, std::min(kChosenBlock, last - at), bits[block], before);
            }
            std::size_t count = list_places(bits, blocks, first, instructions_, chosen.places);
            if (span.labels_tell ||
                !take_plain(ids, chosen.places, count, never_, instructions_, chosen.originals)) {
                count = span.labels_tell ? keep<true>(ids, labels, count, chosen)
                                         : keep<false>(ids, labels, count, chosen);
            }
            replacement_.replace(span.key, {chosen.places, count}, chosen.originals, chosen.tokens);
            if (span.labels_tell) {
                std::fill(labels + first, labels + last, static_cast<Id>(kIgnoreLabel));
                if (loss_mask != nullptr) std::fill(loss_mask + first, loss_mask + last, 0.0F);
            }
            for (std::size_t i = 0; i < count; ++i) {
                const std::uint32_t place = chosen.places[i];
                ids[place] = static_cast<Id>(chosen.tokens[i]);
                labels[place] = static_cast<Id>(chosen.originals[i]);
            }
            if (loss_mask == nullptr) continue;
            for (std::size_t i = 0; i < count; ++i) loss_mask[chosen.places[i]] = 1.0F;
        }
    }

    // Keeps the places whose tokens may be chosen, and says how many.
    template <bool labels_tell, typename Id>
    std::size_t keep(const Id* ids, const Id* labels, std::size_t count, Chosen& chosen) const {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint32_t place = chosen.places[i];
            const Id id = ids[place];
            chosen.places[kept] = place;
            chosen.originals[kept] = static_cast<std::uint32_t>(id);
            bool may = !never_.contains(id);
            if constexpr (labels_tell) may &= labels[place] != static_cast<Id>(kIgnoreLabel);
            kept += may ? 1 : 0;
        }
        return kept;
    }

    // All tokens of the words whose first token is chosen. A sum carries every chosen word's bit through the
    // bits behind it that continue words, up to the next start, which is 0.
    template <typename Id>
    std::uint64_t whole_words(const Id* ids, std::int64_t first, std::int64_t count, std::uint64_t chosen,
                              Before& before) const {
        std::uint64_t never = 0;
        std::uint64_t begin = 0;
        words_->contained(ids + first, count, instructions_, never, begin);
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
    Replacement replacement_;
    TokenSet never_;
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
