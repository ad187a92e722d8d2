#include "objective/prefix.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>

#include "common/random.hpp"
#include "common/types.hpp"
#include "objective/draws.hpp"
#include "objective/pair_sizes.hpp"

namespace pypack {

namespace {

class PrefixTargets : public Objective {
  public:
    explicit PrefixTargets(double rate) : rate_(rate) {
        if (!(rate > 0 && rate <= 0.5)) throw std::invalid_argument("a rate must be above 0 and at most 0.5");
    }

    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int64_t>& arrays) const override {
        ignore_prefixes(spans, arrays);
    }
    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int32_t>& arrays) const override {
        ignore_prefixes(spans, arrays);
    }

    [[nodiscard]] std::vector<ExtraArray> extras() const override {
        return {{"prefix_mask", ExtraArray::Kind::int32}};
    }
    void finish(std::span<const ObjectiveSpan> spans, const ObjectiveRows& rows,
                const ObjectiveArrays<std::int64_t>& arrays) const override {
        mark(spans, rows, arrays.extras[0]);
    }
    void finish(std::span<const ObjectiveSpan> spans, const ObjectiveRows& rows,
                const ObjectiveArrays<std::int32_t>& arrays) const override {
        mark(spans, rows, arrays.extras[0]);
    }

  private:
    [[nodiscard]] std::int64_t prefix_of(const ObjectiveSpan& span) const {
        if (span.length < 1) return 0;
        const auto length = static_cast<Length>(span.length);
        const Length least = least_prefix(rate_, length);
        const std::uint64_t bits = combine_keys(draws_for(span.key, Purpose::kPrefix), 0);
        return least + static_cast<Length>(below(bits, static_cast<std::uint64_t>(length - least)));
    }

    template <typename Id>
    void ignore_prefixes(std::span<const ObjectiveSpan> spans, const ObjectiveArrays<Id>& arrays) const {
        for (const ObjectiveSpan& span : spans) {
            const std::int64_t prefix = prefix_of(span);
            if (arrays.labels != nullptr) {
                std::fill_n(arrays.labels + span.begin, prefix, static_cast<Id>(kIgnoreLabel));
            }
            if (arrays.loss_mask != nullptr) std::fill_n(arrays.loss_mask + span.begin, prefix, 0.0F);
        }
    }

    void mark(std::span<const ObjectiveSpan> spans, const ObjectiveRows& rows, std::byte* array) const {
        auto* const marks = reinterpret_cast<std::int32_t*>(array);
        std::fill_n(marks, rows.num_items, 0);
        for (const ObjectiveSpan& span : spans) std::fill_n(marks + span.begin, prefix_of(span), 1);
    }

    double rate_;
};

}  // namespace

std::shared_ptr<Objective> prefix_targets(double rate) {
    return std::make_shared<PrefixTargets>(rate);
}

}  // namespace pypack
