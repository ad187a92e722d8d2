#include "objective/replaced_tokens.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "common/types.hpp"
#include "objective/label_places.hpp"

namespace pypack {

namespace {

// What stands in the spans, and once they are done also what stands between them.
template <typename Id>
void copy_span(const ObjectiveSpan& span, const ObjectiveArrays<Id>& arrays) {
    auto* const originals = reinterpret_cast<Id*>(arrays.extras[0]);
    std::copy_n(arrays.input_ids + span.begin, span.length, originals + span.begin);
}

template <typename Id>
void copy_padding(std::span<const ObjectiveSpan> spans, std::int64_t num_items,
                  const ObjectiveArrays<Id>& arrays) {
    auto* const originals = reinterpret_cast<Id*>(arrays.extras[0]);
    std::int64_t end = 0;
    const auto copy_to = [&](std::int64_t begin) {
        std::copy(arrays.input_ids + end, arrays.input_ids + begin, originals + end);
    };
    for (const ObjectiveSpan& span : spans) {
        copy_to(span.begin);
        end = span.begin + span.length;
    }
    copy_to(num_items);
}

constexpr ExtraArray kOriginals{"original_ids", ExtraArray::Kind::ids};

class GeneratorArrays : public Objective {
  public:
    GeneratorArrays(std::shared_ptr<const Objective> choosing, double row_share, std::int64_t row_items)
        : choosing_(std::move(choosing)), row_share_(row_share), row_items_(row_items) {}

    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int64_t>& arrays) const override {
        choose(spans, arrays);
    }
    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int32_t>& arrays) const override {
        choose(spans, arrays);
    }

    [[nodiscard]] bool writes_all_labels() const override { return choosing_->writes_all_labels(); }
    [[nodiscard]] bool writes_tokens() const override { return choosing_->writes_tokens(); }
    [[nodiscard]] std::vector<ExtraArray> extras() const override {
        using Kind = ExtraArray::Kind;
        return {kOriginals,
                {"masked_positions", Kind::ids, row_share_, row_items_},
                {"masked_labels", Kind::ids, row_share_, row_items_},
                {"masks_left_out", Kind::int32, 0, 1}};
    }

    void finish(std::span<const ObjectiveSpan> spans, const ObjectiveRows& rows,
                const ObjectiveArrays<std::int64_t>& arrays) const override {
        list_rows(spans, rows, arrays);
    }
    void finish(std::span<const ObjectiveSpan> spans, const ObjectiveRows& rows,
                const ObjectiveArrays<std::int32_t>& arrays) const override {
        list_rows(spans, rows, arrays);
    }

  private:
    template <typename Id>
    void choose(std::span<const ObjectiveSpan> spans, const ObjectiveArrays<Id>& arrays) const {
        ObjectiveArrays<Id> choosing = arrays;
        if (choosing_->writes_tokens()) {
            choosing.originals = reinterpret_cast<Id*>(arrays.extras[0]);
        } else {
            for (const ObjectiveSpan& span : spans) copy_span(span, arrays);
        }
        choosing_->apply(spans, choosing);
    }

    template <typename Id>
    void list_rows(std::span<const ObjectiveSpan> spans, const ObjectiveRows& rows,
                   const ObjectiveArrays<Id>& arrays) const {
        copy_padding(spans, rows.num_items, arrays);
        const std::int64_t size = extras()[1].items_of_row(rows.row_length);
        const std::int64_t count = std::ssize(rows.first_span) - 1;
        for (std::int64_t row = 0; row < count; ++row) {
            const auto r = static_cast<std::size_t>(row);
            const auto of_row =
                spans.subspan(static_cast<std::size_t>(rows.first_span[r]),
                              static_cast<std::size_t>(rows.first_span[r + 1] - rows.first_span[r]));
            const std::int64_t first = rows.varlen ? 0 : row * rows.row_length;
            list_row(of_row, first, row, size, arrays);
        }
    }

    template <typename Id>
    void list_row(std::span<const ObjectiveSpan> spans, std::int64_t first, std::int64_t row,
                  std::int64_t size, const ObjectiveArrays<Id>& arrays) const {
        auto* const positions = reinterpret_cast<Id*>(arrays.extras[1]) + row * size;
        auto* const labels = reinterpret_cast<Id*>(arrays.extras[2]) + row * size;
        std::int64_t found = 0;
        std::int32_t left_out = 0;
        for (const ObjectiveSpan& span : spans) {
            const Id* const of_span = arrays.labels + span.begin;
            const Listed listed = list_labels(of_span, span.length, span.begin - first, size - found,
                                              instructions_, positions + found, labels + found);
            found += listed.found;
            for (std::int64_t place = span.begin + listed.items; place < span.begin + span.length; ++place) {
                if (arrays.labels[place] == static_cast<Id>(kIgnoreLabel)) continue;
                if (found < size) {
                    positions[found] = static_cast<Id>(place - first);
                    labels[found++] = arrays.labels[place];
                    continue;
                }
                ++left_out;
                arrays.input_ids[place] = arrays.labels[place];
                arrays.labels[place] = static_cast<Id>(kIgnoreLabel);
                if (arrays.loss_mask != nullptr) arrays.loss_mask[place] = 0.0F;
            }
        }
        std::fill(positions + found, positions + size, Id{0});
        std::fill(labels + found, labels + size, static_cast<Id>(kIgnoreLabel));
        reinterpret_cast<std::int32_t*>(arrays.extras[3])[row] = left_out;
    }

    std::shared_ptr<const Objective> choosing_;
    double row_share_;
    std::int64_t row_items_;
    Instructions instructions_ = resolve(Instructions::kBest);
};

class DetectedTokens : public Objective {
  public:
    DetectedTokens(std::shared_ptr<const Objective> choosing, TokenSet never, Instructions instructions)
        : choosing_(std::move(choosing)),
          never_(std::move(never), 0),
          instructions_(instructions),
          at_once_(choosing_->can_tell_chosen(never_.tokens) && choosing_->writes_tokens()) {}

    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int64_t>& arrays) const override {
        detect_all(spans, arrays);
    }
    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int32_t>& arrays) const override {
        detect_all(spans, arrays);
    }

    [[nodiscard]] bool writes_all_labels() const override { return choosing_->writes_all_labels(); }
    [[nodiscard]] bool writes_tokens() const override { return at_once_; }
    [[nodiscard]] std::vector<ExtraArray> extras() const override { return {kOriginals}; }

    void finish(std::span<const ObjectiveSpan> spans, const ObjectiveRows& rows,
                const ObjectiveArrays<std::int64_t>& arrays) const override {
        copy_padding(spans, rows.num_items, arrays);
    }
    void finish(std::span<const ObjectiveSpan> spans, const ObjectiveRows& rows,
                const ObjectiveArrays<std::int32_t>& arrays) const override {
        copy_padding(spans, rows.num_items, arrays);
    }

  private:
    template <typename Id>
    void detect_all(std::span<const ObjectiveSpan> spans, const ObjectiveArrays<Id>& arrays) const {
        if (at_once_) {
            ObjectiveArrays<Id> telling = arrays;
            telling.originals = reinterpret_cast<Id*>(arrays.extras[0]);
            telling.tells_chosen = true;
            return choosing_->apply(spans, telling);
        }
        thread_local std::vector<std::uint64_t> unlearned;  // a bit a token
        for (std::size_t i = 0; i < spans.size(); ++i) {
            const ObjectiveSpan& span = spans[i];
            copy_span(span, arrays);
            note_unlearned(span, arrays, unlearned);
            choosing_->apply(spans.subspan(i, 1), arrays);
            detect(span, arrays, unlearned);
        }
    }

    template <typename Id>
    static void note_unlearned(const ObjectiveSpan& span, const ObjectiveArrays<Id>& arrays,
                               std::vector<std::uint64_t>& unlearned) {
        unlearned.assign(static_cast<std::size_t>((span.length + 63) / 64), 0);
        if (!span.labels_tell) return;
        for (std::int64_t i = 0; i < span.length; ++i) {
            const bool is = arrays.labels[span.begin + i] == static_cast<Id>(kIgnoreLabel);
            unlearned[static_cast<std::size_t>(i / 64)] |= static_cast<std::uint64_t>(is) << (i % 64);
        }
    }

    template <typename Id>
    void detect(const ObjectiveSpan& span, const ObjectiveArrays<Id>& arrays,
                const std::vector<std::uint64_t>& unlearned) const {
        const auto* const originals = reinterpret_cast<const Id*>(arrays.extras[0]) + span.begin;
        Id* const labels = arrays.labels + span.begin;
        tell_replaced(originals, labels, span.length, unlearned.data(), never_, instructions_);
        if (arrays.loss_mask == nullptr) return;
        float* const loss_mask = arrays.loss_mask + span.begin;
        for (std::int64_t i = 0; i < span.length; ++i) {
            loss_mask[i] = labels[i] == static_cast<Id>(kIgnoreLabel) ? 0.0F : 1.0F;
        }
    }

    std::shared_ptr<const Objective> choosing_;
    NeverChosen never_;
    Instructions instructions_;
    bool at_once_;  // what chooses them tells them, too
};

}  // namespace

std::shared_ptr<Objective> generator_arrays(std::shared_ptr<const Objective> choosing, double row_share,
                                            std::int64_t row_items) {
    return std::make_shared<GeneratorArrays>(std::move(choosing), row_share, row_items);
}

std::shared_ptr<Objective> detected_tokens(std::shared_ptr<const Objective> choosing, TokenSet never,
                                           Instructions instructions) {
    return std::make_shared<DetectedTokens>(std::move(choosing), std::move(never), resolve(instructions));
}

}  // namespace pypack
