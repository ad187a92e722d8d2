#include "batch/fill.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "batch/item_loops.hpp"
#include "common/parallel.hpp"
#include "common/prefetch.hpp"
#include "store/mask_bits.hpp"

namespace pypack {

namespace {

// Items a thread must have before another one is worth its start (about 34 us).
constexpr std::int64_t kItemsPerThread = 1 << 17;

// Tokens that are copied between two looks ahead: few enough that what is asked for meanwhile (a line for
// every 64 bytes) does not have to queue.
constexpr std::int64_t kPiece = 512;

// Literals that are written one by one.
constexpr std::int64_t kFewLiterals = 8;

template <typename Id>
TokenArrays<Id> advance(const TokenArrays<Id>& arrays, std::int64_t items) {
    const auto at = [items](auto* array) { return array == nullptr ? nullptr : array + items; };
    return {at(arrays.input_ids), at(arrays.labels), at(arrays.position_ids), at(arrays.segment_ids),
            at(arrays.loss_mask)};
}

template <typename Id>
void fill_padding(std::int64_t items, Id pad_id, const TokenArrays<Id>& out) {
    if (out.input_ids != nullptr) set_all(out.input_ids, items, pad_id);
    if (out.labels != nullptr) set_all(out.labels, items, static_cast<Id>(kIgnoreLabel));
    if (out.position_ids != nullptr) set_all(out.position_ids, items, Id{0});
    if (out.segment_ids != nullptr) set_all(out.segment_ids, items, Id{0});
    if (out.loss_mask != nullptr) std::fill_n(out.loss_mask, items, 0.0F);
}

// Items first .. last of a span are not to be learned.
template <typename Id>
void ignore(std::int64_t first, std::int64_t last, const TokenArrays<Id>& out) {
    if (last <= first) return;
    if (out.labels != nullptr) set_all(out.labels + first, last - first, static_cast<Id>(kIgnoreLabel));
    if (out.loss_mask != nullptr) std::fill_n(out.loss_mask + first, last - first, 0.0F);
}

// A place in the tokens of all spans from some row on, end to end.
class TokenCursor {
  public:
    TokenCursor(std::span<const TokenDtype> dtypes, const ResolvedRows& rows, std::size_t row)
        : dtypes_(dtypes),
          spans_(std::span(rows.spans).subspan(static_cast<std::size_t>(rows.first_span[row]))) {}

    // Goes on by so many bytes, or to the end. Calls visit(begin, end) for every run of tokens on the way.
    template <typename Visit>
    void advance(std::int64_t bytes, Visit&& visit) {
        while (true) {
            const std::int64_t step = std::min(bytes, end_ - at_);
            visit(at_, at_ + step);
            at_ += step;
            bytes -= step;
            if (bytes == 0 || next_ == spans_.size()) return;
            const ResolvedSpan& span = spans_[next_++];
            at_ = span.tokens;
            end_ = at_ + span.length * item_size(dtype_of(span, dtypes_));
        }
    }

  private:
    std::span<const TokenDtype> dtypes_;
    std::span<const ResolvedSpan> spans_;
    std::size_t next_ = 0;
    const std::byte* at_ = nullptr;
    const std::byte* end_ = nullptr;
};

// Asks for tokens ahead of their copy, in step with it. Rows are random places of the store: what the
// processor prefetches by itself begins anew at every one of them, and at every page. Finding a page in the
// page tables takes as long as reading it, so that one line of each page is asked for still earlier.
class Ahead {
  public:
    // From `row` on, before which all was asked for as below.
    Ahead(std::span<const TokenDtype> dtypes, const ResolvedRows& rows, std::size_t row)
        : lines_(dtypes, rows, row), pages_(dtypes, rows, row) {
        const auto skip = [](const std::byte*, const std::byte*) {};
        if (row == 0) {
            pages_.advance(kPagesAhead, touch_pages);
            lines_.advance(kLinesAhead, touch_lines);
        } else {
            pages_.advance(kPagesAhead, skip);
            lines_.advance(kLinesAhead, skip);
        }
    }

    // In step with the copy of so many bytes.
    void advance(std::int64_t bytes) {
        pages_.advance(bytes, touch_pages);
        lines_.advance(bytes, touch_lines);
    }

  private:
    static constexpr std::int64_t kLine = 64;  // bytes
    static constexpr std::int64_t kPage = 4096;
    static constexpr std::int64_t kLinesAhead = kPage;
    static constexpr std::int64_t kPagesAhead = 4 * kPage;

    template <std::int64_t unit>
    static void touch(const std::byte* at, const std::byte* end) {
        while (at < end) {
            prefetch(at);
            at += unit - static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(at) % unit);
        }
    }
    static void touch_lines(const std::byte* at, const std::byte* end) { touch<kLine>(at, end); }
    static void touch_pages(const std::byte* at, const std::byte* end) { touch<kPage>(at, end); }

    TokenCursor lines_;
    TokenCursor pages_;
};

// Tokens to input_ids and, where they are to be learned, to labels.
template <typename Token, typename Id>
void copy_tokens(const Token* tokens, std::int64_t n, const std::byte* mask, std::int64_t first_bit,
                 const TokenArrays<Id>& out) {
    if (mask != nullptr && out.input_ids != nullptr && out.labels != nullptr) {
        widen_masked(tokens, n, out.input_ids, out.labels, mask, first_bit);
    } else if (out.input_ids != nullptr && out.labels != nullptr) {
        widen_twice(tokens, n, out.input_ids, out.labels);
    } else if (out.input_ids != nullptr) {
        widen(tokens, n, out.input_ids);
    } else if (out.labels != nullptr) {
        widen(tokens, n, out.labels);
    }
}

// Positions from `position` on, and one segment.
template <typename Id>
void describe(std::int64_t n, Id segment, Id position, const TokenArrays<Id>& out) {
    if (out.position_ids != nullptr) count_up(out.position_ids, n, position);
    if (out.segment_ids != nullptr) set_all(out.segment_ids, n, segment);
}

// What the masks of a span say is not to be learned, where that is not said yet.
template <typename Id>
void ignore_masked(const ResolvedSpan& span, const FillOptions<Id>& options, const TokenArrays<Id>& out) {
    // The first token has none to be foretold from; what literals behind others learn, their mask says.
    if (!options.leaves_labels && !(span.literal && span.continues)) ignore(0, std::min(span.length, 1), out);
    const bool has_labels = out.input_ids != nullptr || out.labels == nullptr;  // masked above
    if (span.mask != nullptr && (!has_labels || out.loss_mask != nullptr)) {
        MaskBits(span.mask, span.first_bit, span.length)
            .for_each_zero_run([&](std::int64_t first, std::int64_t last) { ignore(first, last, out); });
    }
    for (const TokenRange& mask : span.masks) {
        ignore(std::max<std::int64_t>(0, std::int64_t{mask.start} - span.start),
               std::min<std::int64_t>(span.length, std::int64_t{mask.stop} - span.start), out);
    }
}

// The room behind the tokens of a span.
template <typename Id>
void pad_room(const ResolvedSpan& span, const FillOptions<Id>& options, const TokenArrays<Id>& out) {
    if (span.room > span.length)
        fill_padding(span.room - span.length, options.pad_id, advance(out, span.length));
}

// What an objective makes of a span, and what it leaves.
template <typename Id>
void write_span(const ResolvedSpan& span, std::int64_t s, Id segment, Id first_position,
                const FillOptions<Id>& options, const TokenArrays<Id>& out) {
    options.write_labels(s);
    describe(span.length, segment, first_position, out);
    pad_room(span, options, out);
}

// Few tokens of a plan itself, between those of documents: what is done for runs takes longer than they do.
template <typename Id>
void fill_few_literals(const ResolvedSpan& span, Id segment, Id first_position, bool first_is_learned,
                       const TokenArrays<Id>& out) {
    const auto* tokens = reinterpret_cast<const std::int32_t*>(span.tokens);
    for (std::int64_t i = 0; i < span.length; ++i) {
        const std::int64_t bit = span.first_bit + i;
        const bool in_mask = (std::to_integer<unsigned>(span.mask[bit / 8]) >> (bit % 8) & 1U) != 0;
        const bool learned = in_mask && (i > 0 || first_is_learned);
        const auto id = static_cast<Id>(tokens[i]);
        if (out.input_ids != nullptr) out.input_ids[i] = id;
        if (out.labels != nullptr) out.labels[i] = learned ? id : static_cast<Id>(kIgnoreLabel);
        if (out.position_ids != nullptr) out.position_ids[i] = static_cast<Id>(first_position + i);
        if (out.segment_ids != nullptr) out.segment_ids[i] = segment;
        if (out.loss_mask != nullptr) out.loss_mask[i] = learned ? 1.0F : 0.0F;
    }
}

// Span number `s` of the batch.
template <typename Id>
void fill_span(const ResolvedSpan& span, std::int64_t s, TokenDtype dtype, Id segment, Id first_position,
               const FillOptions<Id>& options, const TokenArrays<Id>& out, Ahead& ahead) {
    const bool left = options.leaves_labels && !has_masks(span);
    const bool changed = static_cast<bool>(options.write_labels);
    if (changed && options.leaves_tokens && leaves_tokens(span, dtype)) {
        ahead.advance(span.length * item_size(dtype));
        return write_span(span, s, segment, first_position, options, out);
    }
    if (span.literal && span.length <= kFewLiterals && !changed) {
        ahead.advance(span.length * item_size(dtype));
        fill_few_literals(span, segment, first_position, options.leaves_labels || span.continues, out);
        return;
    }
    visit_dtype(dtype, [&](auto zero) {
        using Token = decltype(zero);
        const auto* tokens = reinterpret_cast<const Token*>(span.tokens);
        for (std::int64_t begin = 0; begin < span.length; begin += kPiece) {
            const std::int64_t n = std::min<std::int64_t>(kPiece, span.length - begin);
            ahead.advance(n * static_cast<std::int64_t>(sizeof(Token)));
            TokenArrays<Id> at = advance(out, begin);
            if (left && at.labels != nullptr) {
                if (!changed) set_all(at.labels, n, static_cast<Id>(kIgnoreLabel));
                at.labels = nullptr;
            }
            copy_tokens(tokens + begin, n, span.mask, span.first_bit + begin, at);
            if (!changed) describe(n, segment, static_cast<Id>(first_position + begin), at);
        }
    });
    if (out.loss_mask != nullptr && !(left && changed)) {
        std::fill_n(out.loss_mask, span.length, left ? 0.0F : 1.0F);
    }
    ignore_masked(span, options, out);
    if (changed) return write_span(span, s, segment, first_position, options, out);
    pad_room(span, options, out);
}

// Whether the spans of a row are parts of one text, whose positions count through: many and short ones, so
// that they are numbered all at once.
bool is_one_segment(const ResolvedRows& rows, std::size_t row) {
    const auto first = static_cast<std::size_t>(rows.first_span[row]);
    const auto last = static_cast<std::size_t>(rows.first_span[row + 1]);
    if (last - first < 2) return false;
    return std::all_of(rows.spans.begin() + static_cast<std::ptrdiff_t>(first) + 1,
                       rows.spans.begin() + static_cast<std::ptrdiff_t>(last),
                       [](const ResolvedSpan& span) { return span.continues; });
}

// The spans of a row, which begins where `out` points to.
template <typename Id>
void fill_row(std::span<const TokenDtype> dtypes, const ResolvedRows& rows, std::int64_t row, Id segment,
              const FillOptions<Id>& options, TokenArrays<Id> out) {
    const auto r = static_cast<std::size_t>(row);
    Ahead ahead(dtypes, rows, r);
    Id place = 0;
    const bool joined = is_one_segment(rows, r);
    if (joined) describe(rows.row_room[r], segment, Id{0}, out);
    for (std::int64_t s = rows.first_span[r]; s < rows.first_span[r + 1]; ++s) {
        const ResolvedSpan& span = rows.spans[static_cast<std::size_t>(s)];
        if (s > rows.first_span[r] && !span.continues) ++segment;
        TokenArrays<Id> to = out;
        if (joined) to.position_ids = to.segment_ids = nullptr;
        fill_span(span, s, dtype_of(span, dtypes), segment,
                  options.positions_by_row || span.continues ? place : Id{0}, options, to, ahead);
        if (joined) pad_room(span, options, {nullptr, nullptr, out.position_ids, out.segment_ids, nullptr});
        out = advance(out, span.room);
        place = static_cast<Id>(place + span.room);
    }
}

template <typename Id>
int useful_threads(std::int64_t items, const FillOptions<Id>& options, int num_threads) {
    const std::int64_t each = options.write_labels ? kItemsPerThread / 2 : kItemsPerThread;
    return static_cast<int>(std::clamp<std::int64_t>(items / each, 1, num_threads));
}

}  // namespace

template <typename Id>
void fill_padded(std::span<const TokenDtype> dtypes, const ResolvedRows& rows, std::int64_t row_length,
                 const FillOptions<Id>& options, const TokenArrays<Id>& out, int num_threads) {
    const auto num_rows = static_cast<std::int64_t>(rows.row_room.size());
    for (const std::int64_t tokens : rows.row_room) {
        if (tokens > row_length) {
            throw std::invalid_argument("a sequence has " + std::to_string(tokens) +
                                        " tokens, the row has room for " + std::to_string(row_length));
        }
    }
    parallel_for(num_rows, useful_threads(num_rows * row_length, options, num_threads),
                 [&](std::int64_t row) {
                     const TokenArrays<Id> at = advance(out, row * row_length);
                     fill_row(dtypes, rows, row, Id{1}, options, at);
                     const std::int64_t room = rows.row_room[static_cast<std::size_t>(row)];
                     fill_padding(row_length - room, options.pad_id, advance(at, room));
                 });
}

template <typename Id>
void fill_varlen(std::span<const TokenDtype> dtypes, const ResolvedRows& rows, std::int64_t num_items,
                 const FillOptions<Id>& options, const TokenArrays<Id>& out, int num_threads) {
    const auto num_rows = static_cast<std::int64_t>(rows.row_room.size());
    std::vector<std::int64_t> row_start(rows.row_room.size());
    std::exclusive_scan(rows.row_room.begin(), rows.row_room.end(), row_start.begin(), std::int64_t{0});
    parallel_for(num_rows, useful_threads(rows.num_items, options, num_threads), [&](std::int64_t row) {
        const auto r = static_cast<std::size_t>(row);
        const std::vector<std::int64_t>& before =
            rows.first_segment.empty() ? rows.first_span : rows.first_segment;
        fill_row(dtypes, rows, row, static_cast<Id>(before[r] + 1), options, advance(out, row_start[r]));
    });
    fill_padding(num_items - rows.num_items, options.pad_id, advance(out, rows.num_items));
}

std::vector<std::int32_t> span_borders(const ResolvedRows& rows, std::int64_t num_items,
                                       std::int64_t row_length, std::int64_t max_segments) {
    if (num_items > std::numeric_limits<std::int32_t>::max()) {
        throw std::overflow_error("a batch has " + std::to_string(num_items) +
                                  " tokens, cu_seqlens (int32) can count to 2^31-1");
    }
    std::vector<std::int32_t> borders;
    borders.reserve(
        static_cast<std::size_t>(std::max<std::int64_t>(max_segments, rows.first_span.back() + 1)) + 1);
    borders.push_back(0);
    for (const ResolvedSpan& span : rows.spans) {
        if (span.continues) {
            borders.back() += span.room;
        } else {
            borders.push_back(borders.back() + span.room);
        }
    }
    while (borders.back() < num_items) {
        const std::int64_t room = std::max<std::int64_t>(row_length, 1);
        borders.push_back(static_cast<std::int32_t>(std::min(num_items, borders.back() + room)));
    }
    if (max_segments > 0) {
        const auto segments = static_cast<std::int64_t>(borders.size()) - 1;
        if (segments > max_segments) {
            throw std::invalid_argument("a batch has " + std::to_string(segments) +
                                        " segments (those of padding among them), max_documents allows " +
                                        std::to_string(max_segments) +
                                        "; raise it, or pack with fewer documents a sequence");
        }
        borders.resize(static_cast<std::size_t>(max_segments) + 1, borders.back());
    }
    return borders;
}

#define PYPACK_INSTANTIATE_FILL(Id)                                                           \
    template void fill_padded(std::span<const TokenDtype>, const ResolvedRows&, std::int64_t, \
                              const FillOptions<Id>&, const TokenArrays<Id>&, int);           \
    template void fill_varlen(std::span<const TokenDtype>, const ResolvedRows&, std::int64_t, \
                              const FillOptions<Id>&, const TokenArrays<Id>&, int);
PYPACK_INSTANTIATE_FILL(std::int32_t)
PYPACK_INSTANTIATE_FILL(std::int64_t)
#undef PYPACK_INSTANTIATE_FILL

}  // namespace pypack
