#include "batch/fill.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "common/parallel.hpp"
#include "common/prefetch.hpp"
#include "common/simd.hpp"

namespace pypack {

namespace {

// Items a thread must have before another one is worth its start (about 34 us).
constexpr std::int64_t kItemsPerThread = 1 << 17;

// Concrete functions, because target_clones does not apply to templates.
#define PYPACK_DEFINE_WIDEN(T, Id)                                                                    \
    PYPACK_SIMD_CLONES void widen(const T* __restrict tokens, std::int64_t n, Id* __restrict out) {   \
        for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<Id>(tokens[i]);                     \
    }                                                                                                 \
    PYPACK_SIMD_CLONES void widen_twice(const T* __restrict tokens, std::int64_t n, Id* __restrict a, \
                                        Id* __restrict b) {                                           \
        for (std::int64_t i = 0; i < n; ++i) a[i] = b[i] = static_cast<Id>(tokens[i]);                \
    }
#define PYPACK_DEFINE_WIDEN_TO(Id)         \
    PYPACK_DEFINE_WIDEN(std::uint8_t, Id)  \
    PYPACK_DEFINE_WIDEN(std::int8_t, Id)   \
    PYPACK_DEFINE_WIDEN(std::uint16_t, Id) \
    PYPACK_DEFINE_WIDEN(std::int16_t, Id)  \
    PYPACK_DEFINE_WIDEN(std::int32_t, Id)  \
    PYPACK_DEFINE_WIDEN(std::int64_t, Id)
PYPACK_DEFINE_WIDEN_TO(std::int32_t)
PYPACK_DEFINE_WIDEN_TO(std::int64_t)
#undef PYPACK_DEFINE_WIDEN_TO
#undef PYPACK_DEFINE_WIDEN

#define PYPACK_DEFINE_COUNT(Id)                                                      \
    PYPACK_SIMD_CLONES void count_up(Id* __restrict out, std::int64_t n, Id first) { \
        for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<Id>(first + i);    \
    }                                                                                \
    PYPACK_SIMD_CLONES void set_all(Id* __restrict out, std::int64_t n, Id value) {  \
        for (std::int64_t i = 0; i < n; ++i) out[i] = value;                         \
    }
PYPACK_DEFINE_COUNT(std::int32_t)
PYPACK_DEFINE_COUNT(std::int64_t)
#undef PYPACK_DEFINE_COUNT

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

template <typename Id>
void fill_span(const ResolvedSpan& span, TokenDtype dtype, Id segment, Id first_position, Id pad_id,
               const TokenArrays<Id>& out) {
    visit_dtype(dtype, [&](auto zero) {
        const auto* tokens = reinterpret_cast<const decltype(zero)*>(span.tokens);
        if (out.input_ids != nullptr && out.labels != nullptr) {
            widen_twice(tokens, span.length, out.input_ids, out.labels);
        } else if (out.input_ids != nullptr) {
            widen(tokens, span.length, out.input_ids);
        } else if (out.labels != nullptr) {
            widen(tokens, span.length, out.labels);
        }
    });
    if (out.loss_mask != nullptr) std::fill_n(out.loss_mask, span.length, 1.0F);
    ignore(0, std::min(span.length, 1), out);
    for (const TokenRange& mask : span.masks) {
        ignore(std::max<std::int64_t>(0, std::int64_t{mask.start} - span.start),
               std::min<std::int64_t>(span.length, std::int64_t{mask.stop} - span.start), out);
    }
    if (out.position_ids != nullptr) count_up(out.position_ids, span.length, first_position);
    if (out.segment_ids != nullptr) set_all(out.segment_ids, span.length, segment);
    if (span.room > span.length) fill_padding(span.room - span.length, pad_id, advance(out, span.length));
}

// Asks for the tokens of a row ahead of its copy. Rows are random places of the store: what the processor
// prefetches by itself begins anew at every one of them, and at every page.
void prefetch_row(std::span<const TokenDtype> dtypes, const ResolvedRows& rows, std::size_t row) {
    constexpr std::int64_t kLine = 64;
    std::int64_t left = 32 * 1024;  // bytes: a part of the second-level cache
    if (row + 1 >= rows.first_span.size()) return;
    for (std::int64_t s = rows.first_span[row]; s < rows.first_span[row + 1] && left > 0; ++s) {
        const ResolvedSpan& span = rows.spans[static_cast<std::size_t>(s)];
        const std::int64_t bytes =
            std::min(left, span.length * item_size(dtypes[static_cast<std::size_t>(span.source)]));
        for (std::int64_t at = 0; at < bytes; at += kLine) prefetch(span.tokens + at);
        left -= bytes;
    }
}

// The spans of a row, which begins where `out` points to.
template <typename Id>
void fill_row(std::span<const TokenDtype> dtypes, const ResolvedRows& rows, std::int64_t row, Id segment,
              const FillOptions<Id>& options, TokenArrays<Id> out) {
    const auto r = static_cast<std::size_t>(row);
    prefetch_row(dtypes, rows, r + 1);
    Id place = 0;
    for (std::int64_t s = rows.first_span[r]; s < rows.first_span[r + 1]; ++s) {
        const ResolvedSpan& span = rows.spans[static_cast<std::size_t>(s)];
        fill_span(span, dtypes[static_cast<std::size_t>(span.source)], segment++,
                  options.positions_by_row ? place : Id{0}, options.pad_id, out);
        out = advance(out, span.room);
        place = static_cast<Id>(place + span.room);
    }
}

int useful_threads(std::int64_t items, int num_threads) {
    return static_cast<int>(std::clamp<std::int64_t>(items / kItemsPerThread, 1, num_threads));
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
    parallel_for(num_rows, useful_threads(num_rows * row_length, num_threads), [&](std::int64_t row) {
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
    parallel_for(num_rows, useful_threads(rows.num_items, num_threads), [&](std::int64_t row) {
        const auto r = static_cast<std::size_t>(row);
        fill_row(dtypes, rows, row, static_cast<Id>(rows.first_span[r] + 1), options,
                 advance(out, row_start[r]));
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
    for (const ResolvedSpan& span : rows.spans) borders.push_back(borders.back() + span.room);
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
