#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

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
// the content moves along: `length` items become three more. (From a copy: to turn the parts around where
// they stand takes three times as long.)
template <typename T>
void rearrange(T* items, std::int64_t length, const Cut& cut, const std::array<T, 3>& marks) {
    thread_local std::vector<T> copy;
    std::copy_backward(items + cut.last, items + length, items + length + kInfillTokens);
    // The prefix stays where it is, one item further on, but where the suffix comes first.
    const std::int64_t kept = cut.suffix_first ? 0 : cut.from;
    T* const content = items + cut.first;
    T* const prefix_end = content + kept;
    copy.assign(prefix_end, items + cut.last);
    const T* const before = copy.data();
    const T* const middle = before + (cut.from - kept);
    const T* const suffix = before + (cut.to - kept);
    const T* const end = before + copy.size();
    std::copy_backward(content, prefix_end, prefix_end + 1);
    content[0] = marks[0];
    T* next = prefix_end + 1;
    *next++ = marks[1];
    next = std::copy(suffix, end, next);
    *next++ = marks[2];
    next = std::copy(before, middle, next);  // the prefix, where the suffix comes first
    std::copy(middle, suffix, next);
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
