#include "pack/in_order/sequential.hpp"

#include <algorithm>

#include "common/interrupt.hpp"
#include "common/simd.hpp"

namespace pypack {

namespace {

struct LengthSums {
    Length least;
    std::int64_t tokens;
    std::int64_t empty;
};

// Without a branch, so that the compiler makes vectors of it.
PYPACK_SIMD_CLONES LengthSums sum_lengths(const Length* lengths, std::size_t size) {
    Length least = 0;
    std::int64_t tokens = 0;
    std::uint32_t empty = 0;
    for (std::size_t i = 0; i < size; ++i) {
        least = lengths[i] < least ? lengths[i] : least;
        tokens += lengths[i];
        empty += lengths[i] == 0 ? 1 : 0;
    }
    return {least, tokens, empty};
}

// Concat-and-chunk as most want it: nothing is left out, and documents go on in the next sequence.
class WholeConcat {
  public:
    [[nodiscard]] static bool is_asked(const PackOptions& options, Border border) {
        return border == Border::cross && options.overflow == Overflow::split && options.align == 1 &&
               options.drop_shorter_than <= 1 && options.max_documents == std::numeric_limits<Length>::max();
    }

    WholeConcat(std::span<const Length> lengths, Length limit) : lengths_(lengths), limit_(limit) {}

    [[nodiscard]] PlanArrays pack() {
        count();
        // A sequence ends within a document, which gives one span more, or between two.
        const std::int64_t sequences = (plan_.counts.tokens + limit_ - 1) / limit_;
        plan_.resize_spans(plan_.counts.documents - plan_.counts.empty_documents + sequences);
        plan_.sequence_offsets.reserve(sequences + 1);
        plan_.sequence_capacity.reserve(sequences);
        for (std::size_t begin = 0; begin < lengths_.size(); begin += kDocumentsBetweenChecks) {
            check_interrupt();
            add(begin, std::min(lengths_.size(), begin + kDocumentsBetweenChecks));
        }
        if (room_ < limit_) end_sequence();
        plan_.resize_spans(spans_);
        return std::move(plan_);
    }

  private:
    void count() {
        for (std::size_t begin = 0; begin < lengths_.size(); begin += kDocumentsBetweenChecks) {
            check_interrupt();
            const std::size_t size = std::min(kDocumentsBetweenChecks, lengths_.size() - begin);
            const LengthSums sums = sum_lengths(lengths_.data() + begin, size);
            if (sums.least < 0) refuse_first_negative(begin);
            plan_.counts.tokens += sums.tokens;
            plan_.counts.empty_documents += sums.empty;
        }
        plan_.counts.documents = static_cast<std::int64_t>(lengths_.size());
    }

    [[noreturn]] void refuse_first_negative(std::size_t from) const {
        while (lengths_[from] >= 0) ++from;
        refuse_negative(static_cast<std::int64_t>(from), lengths_[from]);
    }

    // The spans of documents [begin, end).
    void add(std::size_t begin, std::size_t end) {
        const Length* const lengths = lengths_.data();  // which no store can alias
        std::int64_t* document = plan_.span_document.data() + spans_;
        Length* start = plan_.span_start.data() + spans_;
        Length* length = plan_.span_length.data() + spans_;
        const std::int64_t* const first = document;
        const std::int64_t before = spans_;
        Length room = room_;
        const auto put = [&](std::size_t i, Length at, Length size) {
            *document++ = static_cast<std::int64_t>(i);
            *start++ = at;
            *length++ = size;
        };
        for (std::size_t i = begin; i < end; ++i) {
            Length left = lengths[i];
            if (left < room) [[likely]] {
                if (left > 0) put(i, 0, left);
                room -= left;
                continue;
            }
            Length at = 0;
            for (; left >= room; room = limit_) {
                put(i, at, room);
                at += room;
                left -= room;
                spans_ = before + (document - first);
                end_sequence();
            }
            if (left > 0) put(i, at, left);
            room -= left;
            plan_.counts.split_documents +=
                document[-1] == static_cast<std::int64_t>(i) && start[-1] > 0 ? 1 : 0;
        }
        spans_ = before + (document - first);
        room_ = room;
    }

    void end_sequence() {
        plan_.sequence_offsets.push_back(spans_);
        plan_.sequence_capacity.push_back(limit_);
    }

    std::span<const Length> lengths_;
    Length limit_;
    PlanArrays plan_;
    std::int64_t spans_ = 0;
    Length room_ = limit_;
};

}  // namespace

PlanArrays concat(std::span<const Length> lengths, const PackOptions& options, Border border) {
    options.validate();
    if (WholeConcat::is_asked(options, border)) return WholeConcat(lengths, options.sequence_length).pack();
    PlanArrays plan;
    plan.reserve_spans(static_cast<std::int64_t>(lengths.size()));
    // With `split`, whole documents enter the stream, whatever their length.
    PackOptions whole = options;
    if (options.overflow == Overflow::split) whole.sequence_length = std::numeric_limits<Length>::max();
    const Length limit = options.sequence_length;
    Length room = limit;
    Length spans = 0;
    PlanCounts& counts = plan.counts;
    const auto close = [&] {
        plan.end_sequence(limit);
        room = limit;
        spans = 0;
    };
    for (std::size_t i = 0; i < lengths.size(); ++i) {
        if (i % kDocumentsBetweenChecks == 0) check_interrupt();
        const auto document = static_cast<std::int64_t>(i);
        cut_into_pieces(document, lengths[i], whole, counts, [&](Length, Length length) {
            Length start = 0;
            do {
                const Length taken = std::min(room, length - start);
                plan.add_span(document, start, taken);
                start += taken;
                room -= aligned(taken, options.align);
                if (room == 0 || ++spans == options.max_documents) close();
            } while (start < length && border == Border::cross);
            if (start < length) {
                // A document that `truncate` cut to sequence_length has been counted already.
                if (length == lengths[i]) ++counts.truncated_documents;
                counts.truncated_tokens += length - start;
            } else if (start > 0 && plan.span_start[plan.span_start.size() - 1] > 0) {
                ++counts.split_documents;
            }
        });
    }
    if (plan.sequence_is_open()) close();
    return plan;
}

PlanArrays next_fit(std::span<const Length> lengths, const PackOptions& options) {
    options.validate();
    PlanArrays plan;
    plan.reserve_spans(static_cast<std::int64_t>(lengths.size()));
    Length room = options.sequence_length;
    Length spans = 0;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
        if (i % kDocumentsBetweenChecks == 0) check_interrupt();
        const auto document = static_cast<std::int64_t>(i);
        cut_into_pieces(document, lengths[i], options, plan.counts, [&](Length start, Length length) {
            const Length needed = aligned(length, options.align);
            if (needed > room || spans == options.max_documents) {
                plan.end_sequence(options.sequence_length);
                room = options.sequence_length;
                spans = 0;
            }
            plan.add_span(document, start, length);
            room -= needed;
            ++spans;
        });
    }
    if (plan.sequence_is_open()) plan.end_sequence(options.sequence_length);
    return plan;
}

PlanArrays pad(std::span<const Length> lengths, const PackOptions& options) {
    options.validate();
    PlanArrays plan;
    plan.reserve_spans(static_cast<std::int64_t>(lengths.size()));
    for (std::size_t i = 0; i < lengths.size(); ++i) {
        if (i % kDocumentsBetweenChecks == 0) check_interrupt();
        const auto document = static_cast<std::int64_t>(i);
        cut_into_pieces(document, lengths[i], options, plan.counts, [&](Length start, Length length) {
            plan.add_span(document, start, length);
            plan.end_sequence(options.sequence_length);
        });
    }
    return plan;
}

}  // namespace pypack
