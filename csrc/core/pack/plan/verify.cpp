#include "pack/plan/verify.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "common/interrupt.hpp"
#include "common/interruptible_sort.hpp"
#include "pack/plan/plan_arrays.hpp"

namespace pypack {

namespace {

[[noreturn]] void refuse(const std::string& what) {
    throw std::invalid_argument(what);
}

std::string span_name(const PlanView& plan, std::size_t i) {
    return "span " + std::to_string(i) + " (document " + std::to_string(plan.span_document[i]) + ", start " +
           std::to_string(plan.span_start[i]) + ", length " + std::to_string(plan.span_length[i]) + ")";
}

void check_spans(const PlanView& plan, std::span<const Length> lengths) {
    const auto documents = static_cast<std::int64_t>(lengths.size());
    for (std::size_t i = 0; i < plan.span_document.size(); ++i) {
        check_interrupt_at(i);
        const std::int64_t document = plan.span_document[i];
        if (document < 0 || document >= documents) {
            refuse(span_name(plan, i) + " names a document outside [0, " + std::to_string(documents) + ")");
        }
        const Length start = plan.span_start[i];
        const Length length = plan.span_length[i];
        if (length < 1) refuse(span_name(plan, i) + " holds no token");
        const Length has = lengths[static_cast<std::size_t>(document)];
        if (start < 0 || start > has || length > has - start) {
            refuse(span_name(plan, i) + " leaves its document, which has " + std::to_string(has) + " tokens");
        }
    }
}

void check_sequences(const PlanView& plan, Length align, Length max_documents) {
    for (std::size_t s = 0; s < plan.sequence_capacity.size(); ++s) {
        check_interrupt_at(s);
        const std::int64_t begin = plan.sequence_offsets[s];
        const std::int64_t end = plan.sequence_offsets[s + 1];
        const std::string name = "sequence " + std::to_string(s);
        if (begin == end) refuse(name + " holds no span");
        if (end - begin > max_documents) {
            refuse(name + " holds " + std::to_string(end - begin) + " spans, more than max_documents (" +
                   std::to_string(max_documents) + ")");
        }
        std::int64_t used = 0;
        for (std::int64_t i = begin; i < end; ++i) {
            const std::int64_t length = plan.span_length[static_cast<std::size_t>(i)];
            const std::int64_t with_room = length + plan.room;
            used += align == 1 ? with_room : (with_room + align - 1) / align * align;
        }
        used += plan.num_literals(s);
        if (used > plan.sequence_capacity[s]) {
            refuse(name + " takes up " + std::to_string(used) + " tokens, more than its capacity (" +
                   std::to_string(plan.sequence_capacity[s]) + ")");
        }
    }
}

void check_literals(const PlanView& plan) {
    check_literal_offsets(plan);
    const Literals& literals = plan.literals;
    for (std::size_t i = 0; i < literals.tokens.size(); ++i) {
        check_interrupt_at(i);
        if (literals.tokens[i] < 0) refuse("literal token " + std::to_string(i) + " is no token id");
    }
}
// What documents are called in messages; `numbers` are those of the caller, where they were renumbered.
struct Names {
    std::span<const std::int64_t> numbers;
    std::string operator()(std::size_t document) const {
        return "document " + (numbers.empty() ? std::to_string(document) : std::to_string(numbers[document]));
    }
};

// Documents in several spans: their spans, grouped by document and sorted by start, must not overlap.
// Documents in one span need no more than the bounds check, and are most of every plan that does not cut on
// purpose.
void check_overlaps(const PlanView& plan, const std::vector<std::uint32_t>& spans_of, Names names) {
    std::vector<std::int64_t> next(spans_of.size() + 1, 0);  // where the next span of a document goes
    for (std::size_t d = 0; d < spans_of.size(); ++d) {
        check_interrupt_at(d);
        next[d + 1] = next[d] + (spans_of[d] > 1 ? spans_of[d] : 0);
    }
    struct Piece {
        Length start;
        Length length;
    };
    std::vector<Piece> pieces(static_cast<std::size_t>(next.back()));
    for (std::size_t i = 0; i < plan.span_document.size(); ++i) {
        check_interrupt_at(i);
        const auto document = static_cast<std::size_t>(plan.span_document[i]);
        if (spans_of[document] < 2) continue;
        pieces[static_cast<std::size_t>(next[document]++)] = {plan.span_start[i], plan.span_length[i]};
    }
    auto piece = pieces.begin();
    for (std::size_t d = 0; d < spans_of.size(); ++d) {
        check_interrupt_at(d);
        if (spans_of[d] < 2) continue;
        const auto end = piece + spans_of[d];
        const auto by_start = [](const Piece& a, const Piece& b) { return a.start < b.start; };
        if (!std::is_sorted(piece, end, by_start)) std::sort(piece, end, by_start);
        for (auto next_piece = piece + 1; next_piece != end; piece = next_piece++) {
            if (next_piece->start - piece->start < piece->length) {
                refuse(names(d) + ": token " + std::to_string(next_piece->start) + " stands in two spans");
            }
        }
        piece = end;
    }
}

PlanCounts prove(const PlanView& plan, std::span<const Length> lengths, Length align, Length max_documents,
                 Names names = {}) {
    if (align < 1) refuse("align must be at least 1, got " + std::to_string(align));
    check_sizes(plan);
    check_offsets(plan);
    check_spans(plan, lengths);
    check_literals(plan);
    check_sequences(plan, align, max_documents);

    std::vector<std::uint32_t> spans_of(lengths.size(), 0);
    std::vector<std::int64_t> covered(lengths.size(), 0);
    for (std::size_t i = 0; i < plan.span_document.size(); ++i) {
        check_interrupt_at(i);
        const auto document = static_cast<std::size_t>(plan.span_document[i]);
        ++spans_of[document];
        covered[document] += plan.span_length[i];
        // Also bounds spans_of, since no span is empty.
        if (covered[document] > lengths[document]) {
            refuse(names(document) + ": its spans hold " + std::to_string(covered[document]) + " tokens by " +
                   span_name(plan, i) + ", but it has " + std::to_string(lengths[document]));
        }
    }
    check_overlaps(plan, spans_of, names);

    PlanCounts counts;
    for (std::size_t d = 0; d < lengths.size(); ++d) {
        check_interrupt_at(d);
        const Length length = lengths[d];
        if (length < 0) refuse_negative(static_cast<std::int64_t>(d), length);
        ++counts.documents;
        counts.tokens += length;
        if (length == 0) {
            ++counts.empty_documents;
        } else if (spans_of[d] == 0) {
            ++counts.dropped_documents;
            counts.dropped_tokens += length;
        } else if (covered[d] < length) {
            ++counts.truncated_documents;
            counts.truncated_tokens += length - covered[d];
        }
        if (spans_of[d] > 1) ++counts.split_documents;
    }
    return counts;
}

// verify_alone() with memory for every document.
SpanCounts verify_numbered(const PlanView& plan, std::int64_t documents, Length align, Length max_documents,
                           Names names) {
    // Each document is taken to end where its last span does.
    std::vector<Length> ends(static_cast<std::size_t>(documents), 0);
    for (std::size_t i = 0; i < plan.span_document.size(); ++i) {
        check_interrupt_at(i);
        Length& known = ends[static_cast<std::size_t>(plan.span_document[i])];
        known = std::max(known, static_cast<Length>(plan.span_start[i] + plan.span_length[i]));
    }
    const PlanCounts counts = prove(plan, ends, align, max_documents, names);
    return {counts.empty_documents, counts.split_documents, counts.tokens - counts.truncated_tokens};
}

}  // namespace

void check_sizes(const PlanView& plan) {
    const auto spans = plan.span_document.size();
    if (plan.span_start.size() != spans || plan.span_length.size() != spans) {
        refuse("span_document, span_start and span_length must have one length, have " +
               std::to_string(spans) + ", " + std::to_string(plan.span_start.size()) + " and " +
               std::to_string(plan.span_length.size()));
    }
    if (plan.sequence_offsets.size() != plan.sequence_capacity.size() + 1) {
        refuse("sequence_offsets must have one entry more than sequence_capacity, has " +
               std::to_string(plan.sequence_offsets.size()) + " against " +
               std::to_string(plan.sequence_capacity.size()));
    }
    const Literals& literals = plan.literals;
    if (!literals.any()) return;
    if (literals.offsets.size() != spans + plan.sequence_offsets.size()) {
        refuse("literal_offsets must have one entry for every span, every sequence, and one more (" +
               std::to_string(spans + plan.sequence_offsets.size()) + "), has " +
               std::to_string(literals.offsets.size()));
    }
    if (literals.learned.size() != literals.tokens.size() / 8 + (literals.tokens.size() % 8 != 0 ? 1 : 0)) {
        refuse("literal_learned must have one bit for each of the " + std::to_string(literals.tokens.size()) +
               " literal tokens, has " + std::to_string(literals.learned.size()) + " bytes");
    }
}

void check_offsets(const PlanView& plan) {
    if (plan.sequence_offsets.front() != 0) {
        refuse("sequence_offsets must start at 0, starts at " +
               std::to_string(plan.sequence_offsets.front()));
    }
    for (std::size_t s = 0; s < plan.sequence_capacity.size(); ++s) {
        check_interrupt_at(s);
        if (plan.sequence_offsets[s + 1] < plan.sequence_offsets[s]) {
            refuse("sequence_offsets falls at sequence " + std::to_string(s));
        }
    }
    if (plan.sequence_offsets.back() != plan.num_spans()) {
        refuse("sequence_offsets must end at the number of spans (" + std::to_string(plan.num_spans()) +
               "), ends at " + std::to_string(plan.sequence_offsets.back()));
    }
}

void check_literal_offsets(const PlanView& plan) {
    const Literals& literals = plan.literals;
    if (!literals.any()) return;
    if (literals.offsets.front() != 0) refuse("literal_offsets must start at 0");
    for (std::size_t g = 0; g + 1 < literals.offsets.size(); ++g) {
        check_interrupt_at(g);
        if (literals.offsets[g + 1] < literals.offsets[g]) {
            refuse("literal_offsets falls at gap " + std::to_string(g));
        }
    }
    if (literals.offsets.back() != static_cast<std::int64_t>(literals.tokens.size())) {
        refuse("literal_offsets must end at the number of literal tokens (" +
               std::to_string(literals.tokens.size()) + "), ends at " +
               std::to_string(literals.offsets.back()));
    }
}

PlanCounts verify_plan(const PlanView& plan, std::span<const Length> lengths, Length align,
                       Length max_documents) {
    return prove(plan, lengths, align, max_documents);
}

SpanCounts verify_alone(const PlanView& plan, std::int64_t documents, Length align, Length max_documents) {
    check_sizes(plan);
    if (documents < 0) refuse("documents must be at least 0, is " + std::to_string(documents));
    for (std::size_t i = 0; i < plan.span_document.size(); ++i) {
        check_interrupt_at(i);
        const std::int64_t end = std::int64_t{plan.span_start[i]} + plan.span_length[i];
        if (plan.span_length[i] < 1) refuse(span_name(plan, i) + " holds no token");
        if (plan.span_start[i] < 0) refuse(span_name(plan, i) + " leaves its document");
        if (plan.span_document[i] < 0 || plan.span_document[i] >= documents ||
            end > std::numeric_limits<Length>::max()) {
            refuse(span_name(plan, i) + " leaves the " + std::to_string(documents) +
                   " documents, which have up to 2^31-1 tokens each");
        }
    }
    // What a file says of its documents must not decide how much memory this takes: where there are many more
    // than spans, those that have spans get numbers of their own.
    if (documents <= 2 * plan.num_spans()) return verify_numbered(plan, documents, align, max_documents, {});
    std::vector<std::int64_t> numbers(plan.span_document.begin(), plan.span_document.end());
    interruptible_sort(numbers.begin(), numbers.end(), std::less<>());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    std::vector<std::int64_t> renumbered(plan.span_document.size());
    for (std::size_t i = 0; i < renumbered.size(); ++i) {
        check_interrupt_at(i);
        renumbered[i] =
            std::lower_bound(numbers.begin(), numbers.end(), plan.span_document[i]) - numbers.begin();
    }
    PlanView compact = plan;
    compact.span_document = renumbered;
    const auto with_span = static_cast<std::int64_t>(numbers.size());
    SpanCounts counts = verify_numbered(compact, with_span, align, max_documents, {numbers});
    counts.documents_without_span += documents - with_span;
    return counts;
}

}  // namespace pypack
