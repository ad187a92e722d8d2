#include "objective/counted_tokens.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "common/random.hpp"
#include "common/simd.hpp"
#include "common/types.hpp"
#include "objective/draws.hpp"

namespace pypack {

namespace {

// Memory that is used again for every span.
struct Drawn {
    std::vector<std::uint64_t> bits;
    std::vector<std::int64_t> places;
    std::vector<std::uint32_t> originals;
    std::vector<std::uint32_t> tokens;
    std::vector<std::int64_t> candidates;
};

PYPACK_SIMD_CLONES
void draw_bits(std::uint64_t draws, std::int64_t count, std::uint64_t* bits) {
    for (std::int64_t i = 0; i < count; ++i) bits[i] = combine_keys(draws, static_cast<std::uint64_t>(i));
}

class CountedTokens : public Objective {
  public:
    CountedTokens(float rate, std::int64_t most, const Replacement& replacement, TokenSet never)
        : rate_(rate), most_(most), replacement_(replacement), never_(std::move(never)) {}

    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int64_t>& arrays) const override {
        mask_all(spans, arrays);
    }
    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int32_t>& arrays) const override {
        mask_all(spans, arrays);
    }

  private:
    template <typename Id>
    void mask_all(std::span<const ObjectiveSpan> spans, const ObjectiveArrays<Id>& arrays) const {
        Drawn drawn;
        for (const ObjectiveSpan& span : spans) mask(span, arrays, drawn);
    }

    template <typename Id>
    void mask(const ObjectiveSpan& span, const ObjectiveArrays<Id>& arrays, Drawn& drawn) const {
        Id* const ids = arrays.input_ids + span.begin;
        Id* const labels = arrays.labels + span.begin;
        const auto may = [&](std::int64_t place) {
            const bool learned = !span.labels_tell || labels[place] != static_cast<Id>(kIgnoreLabel);
            return learned && !never_.contains(ids[place]);
        };
        draw_places(span, may, drawn);
        const std::size_t count = drawn.places.size();
        drawn.originals.resize(count);
        drawn.tokens.resize(count);
        for (std::size_t i = 0; i < count; ++i) {
            drawn.originals[i] = static_cast<std::uint32_t>(ids[drawn.places[i]]);
        }
        replacement_.replace_in_order(span.key, 0, drawn.originals, drawn.tokens.data());
        float* const loss_mask = arrays.loss_mask == nullptr ? nullptr : arrays.loss_mask + span.begin;
        if (span.labels_tell) {
            std::fill_n(labels, span.length, static_cast<Id>(kIgnoreLabel));
            if (loss_mask != nullptr) std::fill_n(loss_mask, span.length, 0.0F);
        }
        for (std::size_t i = 0; i < count; ++i) {
            const std::int64_t place = drawn.places[i];
            if (drawn.tokens[i] != drawn.originals[i]) ids[place] = static_cast<Id>(drawn.tokens[i]);
            labels[place] = static_cast<Id>(drawn.originals[i]);
        }
        if (loss_mask == nullptr) return;
        for (const std::int64_t place : drawn.places) loss_mask[place] = 1.0F;
    }

    // Places are tried until enough may be chosen. Where few may, which tries would take for ever to find,
    // they are listed first.
    template <typename May>
    void draw_places(const ObjectiveSpan& span, const May& may, Drawn& drawn) const {
        drawn.candidates.clear();
        const std::int64_t count = counted_draws(span.length, rate_, most_);
        const std::uint64_t draws = draws_for(span.key, Purpose::kPlace);
        const std::int64_t tries = 4 * count + 64;
        // As many tries as there must be at least, without a branch.
        drawn.bits.resize(static_cast<std::size_t>(count));
        drawn.places.resize(static_cast<std::size_t>(count));
        draw_bits(draws, count, drawn.bits.data());
        std::int64_t found = 0;
        for (std::int64_t i = 0; i < count; ++i) {
            const auto length = static_cast<std::uint64_t>(span.length);
            const auto place =
                static_cast<std::int64_t>(below(drawn.bits[static_cast<std::size_t>(i)], length));
            drawn.places[static_cast<std::size_t>(found)] = place;
            found += may(place) ? 1 : 0;
        }
        drawn.places.resize(static_cast<std::size_t>(found));
        std::int64_t index = count;
        for (; index < tries && std::ssize(drawn.places) < count; ++index) {
            const std::uint64_t bits = combine_keys(draws, static_cast<std::uint64_t>(index));
            const auto place =
                static_cast<std::int64_t>(below(bits, static_cast<std::uint64_t>(span.length)));
            if (may(place)) drawn.places.push_back(place);
        }
        if (std::ssize(drawn.places) == count) return;
        for (std::int64_t place = 0; place < span.length; ++place) {
            if (may(place)) drawn.candidates.push_back(place);
        }
        if (drawn.candidates.empty()) return;
        for (; std::ssize(drawn.places) < count; ++index) {
            const std::uint64_t bits = combine_keys(draws, static_cast<std::uint64_t>(index));
            drawn.places.push_back(drawn.candidates[below(bits, drawn.candidates.size())]);
        }
    }

    float rate_;
    std::int64_t most_;
    Replacement replacement_;
    TokenSet never_;
};

}  // namespace

std::int64_t counted_draws(std::int64_t length, float rate, std::int64_t most) {
    if (length < 1) return 0;
    const auto draws = static_cast<std::int64_t>(std::nearbyint(static_cast<float>(length) * rate));
    return std::max<std::int64_t>(1, std::min(most, draws));
}

std::shared_ptr<Objective> counted_tokens(float rate, std::int64_t most, const Replacement& replacement,
                                          TokenSet never) {
    return std::make_shared<CountedTokens>(rate, most, replacement, std::move(never));
}

}  // namespace pypack
