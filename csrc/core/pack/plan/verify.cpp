#include "pack/plan/verify.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

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
            used += align == 1 ? length : (length + align - 1) / align * align;
        }
        if (used > plan.sequence_capacity[s]) {
            refuse(name + " takes up " + std::to_string(used) + " tokens, more than its capacity (" +
                   std::to_string(plan.sequence_capacity[s]) + ")");
        }
    }
}

// Documents in several spans: their spans, grouped by document and sorted by start, must not overlap.
// Documents in one span need no more than the bounds check, and are most of every plan that does not cut on
// purpose.
void check_overlaps(const PlanView& plan, const std::vector<std::uint32_t>& spans_of) {
    std::vector<std::int64_t> next(spans_of.size() + 1, 0);  // where the next span of a document goes
    for (std::size_t d = 0; d < spans_of.size(); ++d)
        next[d + 1] = next[d] + (spans_of[d] > 1 ? spans_of[d] : 0);
    struct Piece {
        Length start;
        Length length;
    };
    std::vector<Piece> pieces(static_cast<std::size_t>(next.back()));
    for (std::size_t i = 0; i < plan.span_document.size(); ++i) {
        const auto document = static_cast<std::size_t>(plan.span_document[i]);
        if (spans_of[document] < 2) continue;
        pieces[static_cast<std::size_t>(next[document]++)] = {plan.span_start[i], plan.span_length[i]};
    }
    auto piece = pieces.begin();
    for (std::size_t d = 0; d < spans_of.size(); ++d) {
        if (spans_of[d] < 2) continue;
        const auto end = piece + spans_of[d];
        const auto by_start = [](const Piece& a, const Piece& b) { return a.start < b.start; };
        if (!std::is_sorted(piece, end, by_start)) std::sort(piece, end, by_start);
        for (auto next_piece = piece + 1; next_piece != end; piece = next_piece++) {
            if (next_piece->start - piece->start < piece->length) {
                refuse("document " + std::to_string(d) + ": token " + std::to_string(next_piece->start) +
                       " stands in two spans");
            }
        }
        piece = end;
    }
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
}

void check_offsets(const PlanView& plan) {
    if (plan.sequence_offsets.front() != 0) {
        refuse("sequence_offsets must start at 0, starts at " +
               std::to_string(plan.sequence_offsets.front()));
    }
    for (std::size_t s = 0; s < plan.sequence_capacity.size(); ++s) {
        if (plan.sequence_offsets[s + 1] < plan.sequence_offsets[s]) {
            refuse("sequence_offsets falls at sequence " + std::to_string(s));
        }
    }
    if (plan.sequence_offsets.back() != plan.num_spans()) {
        refuse("sequence_offsets must end at the number of spans (" + std::to_string(plan.num_spans()) +
               "), ends at " + std::to_string(plan.sequence_offsets.back()));
    }
}

PlanCounts verify_plan(const PlanView& plan, std::span<const Length> lengths, Length align,
                       Length max_documents) {
    if (align < 1) refuse("align must be at least 1, got " + std::to_string(align));
    check_sizes(plan);
    check_offsets(plan);
    check_spans(plan, lengths);
    check_sequences(plan, align, max_documents);

    std::vector<std::uint32_t> spans_of(lengths.size(), 0);
    std::vector<std::int64_t> covered(lengths.size(), 0);
    for (std::size_t i = 0; i < plan.span_document.size(); ++i) {
        const auto document = static_cast<std::size_t>(plan.span_document[i]);
        ++spans_of[document];
        covered[document] += plan.span_length[i];
        // Also bounds spans_of, since no span is empty.
        if (covered[document] > lengths[document]) {
            refuse("document " + std::to_string(document) + ": its spans hold " +
                   std::to_string(covered[document]) + " tokens by " + span_name(plan, i) + ", but it has " +
                   std::to_string(lengths[document]));
        }
    }
    check_overlaps(plan, spans_of);

    PlanCounts counts;
    for (std::size_t d = 0; d < lengths.size(); ++d) {
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

SpanCounts verify_alone(const PlanView& plan, std::int64_t documents, Length align, Length max_documents) {
    check_sizes(plan);
    if (documents < 0) refuse("documents must be at least 0, is " + std::to_string(documents));
    // Each document is taken to end where its last span does.
    std::vector<Length> ends(static_cast<std::size_t>(documents), 0);
    for (std::size_t i = 0; i < plan.span_document.size(); ++i) {
        const std::int64_t document = plan.span_document[i];
        const std::int64_t end = std::int64_t{plan.span_start[i]} + plan.span_length[i];
        if (document < 0 || document >= documents || end > std::numeric_limits<Length>::max()) {
            refuse(span_name(plan, i) + " leaves the " + std::to_string(documents) +
                   " documents, which have up to 2^31-1 tokens each");
        }
        Length& known = ends[static_cast<std::size_t>(document)];
        known = std::max(known, static_cast<Length>(end));
    }
    const PlanCounts counts = verify_plan(plan, ends, align, max_documents);
    return {counts.empty_documents, counts.split_documents, counts.tokens - counts.truncated_tokens};
}

}  // namespace pypack
