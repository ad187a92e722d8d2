#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "objective/infilled_spans.hpp"
#include "objective/infilling.hpp"

namespace pypack {

namespace {

// Where a span is cut: items first .. last are its content, the cuts lie at `from` and `to` of that.
struct Cut {
    std::int64_t first;
    std::int64_t last;
    std::int64_t from;
    std::int64_t to;
    bool suffix_first;
};

// Puts the parts of an array's span into their new order, with the three marks between them; what lies behind
// the content moves along. In place: `length` items become three more.
template <typename T>
void rearrange(T* items, std::int64_t length, const Cut& cut, const std::array<T, 3>& marks) {
    std::copy_backward(items + cut.last, items + length, items + length + kInfillTokens);
    T* const content = items + cut.first;
    const std::int64_t size = cut.last - cut.first;
    const std::int64_t suffix = size - cut.to;
    if (cut.suffix_first) {
        std::rotate(content, content + cut.to, content + size);
        std::copy_backward(content + suffix, content + size, content + size + 3);
        content[suffix + 2] = marks[2];
        std::copy_backward(content, content + suffix, content + suffix + 2);
        content[1] = marks[1];
    } else {
        std::rotate(content + cut.from, content + cut.to, content + size);
        std::copy_backward(content + cut.from + suffix, content + size, content + size + 3);
        content[cut.from + suffix + 2] = marks[2];
        std::copy_backward(content + cut.from, content + cut.from + suffix, content + cut.from + suffix + 2);
        content[cut.from + 1] = marks[1];
        std::copy_backward(content, content + cut.from, content + cut.from + 1);
    }
    content[0] = marks[0];
}

class InfilledTokens : public InfilledSpans<InfilledTokens> {
  public:
    using InfilledSpans::InfilledSpans;

    template <typename Id>
    bool change(const ObjectiveSpan& span, const InfillContent& content, const InfillDraws& draws,
                const ObjectiveArrays<Id>& arrays, InfillCounts& counts) const {
        const Id* const begin = arrays.input_ids + span.begin;
        if (is_skipped(begin + content.first, begin + content.last)) return false;
        const std::int64_t length = span.length + kInfillTokens;
        if (length > span.room) {
            count(counts, InfillCount::kWithoutRoom);
            return false;
        }
        const auto [from, to] = draws.cuts(content.last - content.first);
        const Cut cut{content.first, content.last, from, to, content.suffix_first};
        const std::array<Id, 3> ids = marks<Id>();
        rearrange(arrays.input_ids + span.begin, span.length, cut, ids);
        if (span.labels_tell) {
            // The first token of all has none to be foretold from.
            const bool leads = content.first == 0;
            const std::array<Id, 3> labels{leads ? static_cast<Id>(kIgnoreLabel) : ids[0], ids[1], ids[2]};
            const std::array<float, 3> learned{leads ? 0.0F : 1.0F, 1.0F, 1.0F};
            if (arrays.labels != nullptr) rearrange(arrays.labels + span.begin, span.length, cut, labels);
            if (arrays.loss_mask != nullptr) {
                rearrange(arrays.loss_mask + span.begin, span.length, cut, learned);
            }
        } else {
            learn_all(span, length, arrays);
        }
        resize_span(span, length, arrays);
        return true;
    }

  private:
    template <typename Id>
    [[nodiscard]] bool is_skipped(const Id* first, const Id* last) const {
        const auto& skip = how().skip_ids;
        if (skip.empty() || static_cast<std::size_t>(last - first) < skip.size()) return false;
        return std::equal(skip.begin(), skip.end(), first,
                          [](std::uint32_t a, Id b) { return static_cast<Id>(a) == b; });
    }
};

}  // namespace

std::shared_ptr<Objective> infilled_tokens(const Infilling& infilling) {
    return std::make_shared<InfilledTokens>(infilling);
}

}  // namespace pypack
