// What both ways of infilling share: which spans, where they are cut, and what is behind them afterwards.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "common/random.hpp"
#include "common/types.hpp"
#include "objective/draws.hpp"
#include "objective/infilling.hpp"

namespace pypack {

// What is drawn for a span.
class InfillDraws {
  public:
    explicit InfillDraws(std::uint64_t span_key) : draws_(draws_for(span_key, Purpose::kInfill)) {}

    // The same for a file of a span.
    InfillDraws(std::uint64_t span_key, std::uint64_t file)
        : draws_(combine_keys(draws_for(span_key, Purpose::kFile), file)) {}

    [[nodiscard]] bool chosen(std::uint64_t chance) const { return (bits(0) & kChanceBits) < chance; }
    [[nodiscard]] bool suffix_first(std::uint64_t chance) const { return (bits(3) & kChanceBits) < chance; }

    // Two places among `size` items, each from before the first to behind the last.
    [[nodiscard]] std::pair<std::int64_t, std::int64_t> cuts(std::int64_t size) const {
        const auto places = static_cast<std::uint64_t>(size) + 1;
        const auto one = static_cast<std::int64_t>(below(bits(1), places));
        const auto other = static_cast<std::int64_t>(below(bits(2), places));
        return {std::min(one, other), std::max(one, other)};
    }

  private:
    static constexpr std::uint64_t kChanceBits = 0xffffffff;

    [[nodiscard]] std::uint64_t bits(std::uint64_t index) const { return combine_keys(draws_, index); }

    std::uint64_t draws_;
};

using InfillCounts = std::array<std::int64_t, kMostCounts>;

inline void count(InfillCounts& counts, InfillCount which) {
    ++counts[static_cast<std::size_t>(which)];
}

// A span has got `length` tokens: what stands behind those that it had, and padding where it is shorter now.
template <typename Id>
void resize_span(const ObjectiveSpan& span, std::int64_t length, const ObjectiveArrays<Id>& arrays) {
    const std::int64_t before = span.length;
    if (span.grown != nullptr) *span.grown = static_cast<std::int32_t>(length);
    Id* const positions = arrays.position_ids == nullptr ? nullptr : arrays.position_ids + span.begin;
    Id* const segments = arrays.segment_ids == nullptr ? nullptr : arrays.segment_ids + span.begin;
    for (std::int64_t i = before; i < length; ++i) {
        if (positions != nullptr) positions[i] = static_cast<Id>(positions[i - 1] + 1);
        if (segments != nullptr) segments[i] = segments[0];
    }
    const std::int64_t rest = before - length;
    if (rest <= 0) return;
    const auto pad = [&](auto* array, auto value) {
        if (array != nullptr) std::fill_n(array + span.begin + length, rest, value);
    };
    pad(arrays.input_ids, static_cast<Id>(arrays.pad_id));
    pad(arrays.labels, static_cast<Id>(kIgnoreLabel));
    pad(arrays.position_ids, Id{0});
    pad(arrays.segment_ids, Id{0});
    pad(arrays.loss_mask, 0.0F);
}

// Every token but the first is learned.
template <typename Id>
void learn_all(const ObjectiveSpan& span, std::int64_t length, const ObjectiveArrays<Id>& arrays) {
    if (arrays.labels != nullptr) {
        std::copy_n(arrays.input_ids + span.begin, length, arrays.labels + span.begin);
        arrays.labels[span.begin] = static_cast<Id>(kIgnoreLabel);
    }
    if (arrays.loss_mask != nullptr) {
        std::fill_n(arrays.loss_mask + span.begin, length, 1.0F);
        arrays.loss_mask[span.begin] = 0.0F;
    }
}

// The tokens first .. last of a span, without those at its ends that stay there.
struct InfillContent {
    std::int64_t first;
    std::int64_t last;
    bool suffix_first;
};

// Way::change(span, content, draws, arrays, counts) infills a chosen span, or says false and counts why not.
template <typename Way>
class InfilledSpans : public Objective {
  public:
    explicit InfilledSpans(Infilling infilling) : infilling_(std::move(infilling)) {}

    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int64_t>& arrays) const override {
        infill_all(spans, arrays);
    }
    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int32_t>& arrays) const override {
        infill_all(spans, arrays);
    }
    [[nodiscard]] bool needs_labels() const override { return false; }

  protected:
    [[nodiscard]] const Infilling& how() const { return infilling_; }
    template <typename Id>
    [[nodiscard]] std::array<Id, 3> marks() const {
        return {static_cast<Id>(infilling_.prefix_id), static_cast<Id>(infilling_.suffix_id),
                static_cast<Id>(infilling_.middle_id)};
    }

  private:
    template <typename Id>
    void infill_all(std::span<const ObjectiveSpan> spans, const ObjectiveArrays<Id>& arrays) const {
        InfillCounts counts{};
        for (const ObjectiveSpan& span : spans) infill(span, arrays, counts);
        for (std::size_t i = 0; i < counts.size(); ++i) add_to_count(arrays.counts, i, counts[i]);
    }

    template <typename Id>
    void infill(const ObjectiveSpan& span, const ObjectiveArrays<Id>& arrays, InfillCounts& counts) const {
        const InfillDraws draws(span.key);
        if (!draws.chosen(infilling_.chance)) return;
        if (infilling_.split && next_split(span, 0, arrays) < span.length) {
            infill_files(span, arrays, counts);
        } else {
            infill_part(span, 0, span.length, draws, arrays, counts);
        }
    }

    // The first place from `from` on with the token between files, or the end.
    template <typename Id>
    [[nodiscard]] std::int64_t next_split(const ObjectiveSpan& span, std::int64_t from,
                                          const ObjectiveArrays<Id>& arrays) const {
        const Id* const ids = arrays.input_ids + span.begin;
        return std::find(ids + from, ids + span.length, static_cast<Id>(*infilling_.split)) - ids;
    }

    // Each file by itself; what it gets longer moves those behind it.
    template <typename Id>
    void infill_files(const ObjectiveSpan& span, const ObjectiveArrays<Id>& arrays,
                      InfillCounts& counts) const {
        ObjectiveSpan now = span;
        auto grown = static_cast<std::int32_t>(span.length);
        now.grown = &grown;
        std::uint64_t file = 0;
        for (std::int64_t begin = 0; begin < now.length; ++begin, ++file) {
            const std::int64_t end = next_split(now, begin, arrays);
            const InfillDraws draws(span.key, file);
            if (draws.chosen(infilling_.file_chance)) infill_part(now, begin, end, draws, arrays, counts);
            begin = end + grown - now.length;
            now.length = grown;
        }
        if (span.grown != nullptr) *span.grown = grown;
    }

    // Items first .. last of a span.
    template <typename Id>
    void infill_part(const ObjectiveSpan& span, std::int64_t begin, std::int64_t end,
                     const InfillDraws& draws, const ObjectiveArrays<Id>& arrays,
                     InfillCounts& counts) const {
        const Id* const ids = arrays.input_ids + span.begin;
        InfillContent content{begin, end, draws.suffix_first(infilling_.spm_chance)};
        auto& [first, last, suffix_first] = content;
        while (first < last && infilling_.ends.contains(ids[first])) ++first;
        while (last > first && infilling_.ends.contains(ids[last - 1])) --last;
        if (first == last) return;
        if (!static_cast<const Way&>(*this).change(span, content, draws, arrays, counts)) return;
        count(counts, InfillCount::kInfilled);
        if (suffix_first) count(counts, InfillCount::kSuffixFirst);
    }

    Infilling infilling_;
};

}  // namespace pypack
