#include "objective/masked_ranges.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/random.hpp"
#include "common/types.hpp"
#include "objective/draws.hpp"

namespace pypack {

namespace {

class MaskedRanges : public Objective {
  public:
    MaskedRanges(std::uint64_t chance, bool whole, const Replacement& replacement, TokenSet never,
                 std::vector<DocumentRanges> ranges)
        : chance_(chance),
          whole_(whole),
          replacement_(replacement),
          never_(std::move(never)),
          ranges_(std::move(ranges)) {}

    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int64_t>& arrays) const override {
        for (const ObjectiveSpan& span : spans) mask(span, arrays);
    }
    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int32_t>& arrays) const override {
        for (const ObjectiveSpan& span : spans) mask(span, arrays);
    }

  private:
    // The bounds of the ranges of the span's document, two numbers a range.
    std::span<const std::int32_t> bounds_of(const ObjectiveSpan& span) const {
        const auto d = static_cast<std::size_t>(span.document);
        if (span.store < 0 || static_cast<std::size_t>(span.store) >= ranges_.size()) {
            throw std::out_of_range("there are no ranges of store " + std::to_string(span.store));
        }
        const DocumentRanges& ranges = ranges_[static_cast<std::size_t>(span.store)];
        if (d + 1 >= ranges.offsets.size()) {
            throw std::out_of_range("there are no ranges of document " + std::to_string(span.document));
        }
        const auto first = static_cast<std::size_t>(2 * ranges.offsets[d]);
        return ranges.bounds.subspan(first, static_cast<std::size_t>(2 * ranges.offsets[d + 1]) - first);
    }

    template <typename Id>
    void mask(const ObjectiveSpan& span, const ObjectiveArrays<Id>& arrays) const {
        Id* const ids = arrays.input_ids + span.begin;
        Id* const labels = arrays.labels + span.begin;
        float* const loss_mask = arrays.loss_mask == nullptr ? nullptr : arrays.loss_mask + span.begin;
        const std::uint64_t chosen = draws_for(span.key, Purpose::kRange);
        const std::uint64_t replaced = draws_for(span.key, Purpose::kReplace);
        std::int64_t done = 0;  // labels before it are as they will be
        const auto ignore_to = [&](std::int64_t place) {
            if (span.labels_tell && place > done) {
                std::fill(labels + done, labels + place, static_cast<Id>(kIgnoreLabel));
                if (loss_mask != nullptr) std::fill(loss_mask + done, loss_mask + place, 0.0F);
            }
            done = std::max(done, place);
        };
        const auto take = [&](std::int64_t place) {
            const bool learned = !span.labels_tell || labels[place] != static_cast<Id>(kIgnoreLabel);
            ignore_to(place);
            if (!learned || never_.contains(ids[place])) return;
            const auto original = static_cast<std::uint32_t>(ids[place]);
            ids[place] =
                static_cast<Id>(replacement_.drawn(replaced, static_cast<std::uint64_t>(place), original));
            labels[place] = static_cast<Id>(original);
            if (loss_mask != nullptr) loss_mask[place] = 1.0F;
            done = place + 1;
        };
        const std::span<const std::int32_t> bounds = bounds_of(span);
        for (std::size_t i = 0; i < bounds.size(); i += 2) {
            const std::int64_t begin = bounds[i] - span.start;
            const std::int64_t end = bounds[i + 1] - span.start;
            if (begin < 0 || end <= begin) continue;
            if (end > span.length) break;
            // By its number in the document: cuts elsewhere in it change nothing.
            const std::uint64_t bits = combine_keys(chosen, i / 2);
            if ((bits & 0xffffffff) >= chance_) continue;
            const auto tokens = static_cast<std::uint64_t>(end - begin);
            const auto one = static_cast<std::int64_t>(((bits >> 32) * tokens) >> 32);
            for (std::int64_t place = whole_ ? begin : begin + one; place < end; ++place) {
                take(place);
                if (!whole_) break;
            }
        }
        ignore_to(span.length);
    }

    std::uint64_t chance_;
    bool whole_;
    Replacement replacement_;
    TokenSet never_;
    std::vector<DocumentRanges> ranges_;
};

}  // namespace

std::shared_ptr<Objective> masked_ranges(std::uint64_t chance, bool whole, const Replacement& replacement,
                                         TokenSet never, std::vector<DocumentRanges> ranges) {
    return std::make_shared<MaskedRanges>(chance, whole, replacement, std::move(never), std::move(ranges));
}

}  // namespace pypack
