#include "objective/counted_tokens.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "objective/drawn_places.hpp"
#include "objective/masked_piece.hpp"
#include "objective/scatter.hpp"

namespace pypack {

namespace {

class CountedTokens : public Objective {
  public:
    CountedTokens(float rate, std::int64_t most, const Replacement& replacement, TokenSet never,
                  Instructions instructions)
        : rate_(rate),
          most_(most),
          replacement_(replacement),
          never_(std::move(never), replacement.vocab_size),
          instructions_(instructions) {}

    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int64_t>& arrays) const override {
        mask_all(spans, arrays);
    }
    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int32_t>& arrays) const override {
        mask_all(spans, arrays);
    }
    [[nodiscard]] bool writes_all_labels() const override { return true; }
    [[nodiscard]] bool writes_tokens() const override { return true; }

  private:
    template <typename Id>
    void mask_all(std::span<const ObjectiveSpan> spans, const ObjectiveArrays<Id>& arrays) const {
        thread_local DrawnPlaces drawn;  // whose memory is used again for every span
        for (const ObjectiveSpan& span : spans) mask(span, arrays, drawn);
    }

    template <typename Id>
    void mask(const ObjectiveSpan& span, const ObjectiveArrays<Id>& arrays, DrawnPlaces& drawn) const {
        Id* const ids = arrays.input_ids + span.begin;
        Id* const labels = arrays.labels + span.begin;
        float* const loss_mask = arrays.loss_mask == nullptr ? nullptr : arrays.loss_mask + span.begin;
        Id* const before = arrays.originals == nullptr ? nullptr : arrays.originals + span.begin;
        const auto open = [&] {
            with_tokens(span, static_cast<const Id*>(ids), [&](const auto* tokens) {
                write_unchosen(tokens, span.length, ids, labels, before, instructions_);
            });
        };
        const bool stored = span.tokens16 != nullptr || span.tokens32 != nullptr;
        if (stored) open();  // else labels are asked first
        drawn.draw(span.key, counted_draws(span.length, rate_, most_), span.length, ids,
                   span.labels_tell ? labels : nullptr, never_, instructions_);
        drawn.replace(span.key, replacement_, instructions_);
        if (!stored) open();
        if (loss_mask != nullptr) std::fill_n(loss_mask, span.length, 0.0F);
        const std::span<const std::uint32_t> places = drawn.places();
        scatter(places.data(), drawn.originals(), places.size(), labels);
        const std::span<const std::uint32_t> changed = drawn.changed();
        scatter(changed.data(), drawn.tokens(), changed.size(), ids);
        if (loss_mask == nullptr) return;
        for (const std::uint32_t place : places) loss_mask[place] = 1.0F;
    }

    float rate_;
    std::int64_t most_;
    Replacement replacement_;
    NeverChosen never_;
    Instructions instructions_;
};

}  // namespace

std::int64_t counted_draws(std::int64_t length, float rate, std::int64_t most) {
    if (length < 1) return 0;
    const auto draws = static_cast<std::int64_t>(std::nearbyint(static_cast<float>(length) * rate));
    return std::max<std::int64_t>(1, std::min(most, draws));
}

std::shared_ptr<Objective> counted_tokens(float rate, std::int64_t most, const Replacement& replacement,
                                          TokenSet never, Instructions instructions) {
    return std::make_shared<CountedTokens>(rate, most, replacement, std::move(never), resolve(instructions));
}

}  // namespace pypack
