#include "batch/fill.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "common/parallel.hpp"
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

#define PYPACK_DEFINE_COUNT(Id)                                                     \
    PYPACK_SIMD_CLONES void count_up(Id* __restrict out, std::int64_t n) {          \
        for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<Id>(i);           \
    }                                                                               \
    PYPACK_SIMD_CLONES void set_all(Id* __restrict out, std::int64_t n, Id value) { \
        for (std::int64_t i = 0; i < n; ++i) out[i] = value;                        \
    }
PYPACK_DEFINE_COUNT(std::int32_t)
PYPACK_DEFINE_COUNT(std::int64_t)
#undef PYPACK_DEFINE_COUNT

template <typename Id>
TokenArrays<Id> advance(const TokenArrays<Id>& arrays, std::int64_t items) {
    const auto at = [items](Id* array) { return array == nullptr ? nullptr : array + items; };
    return {at(arrays.input_ids), at(arrays.labels), at(arrays.position_ids), at(arrays.segment_ids)};
}

template <typename Id>
void fill_padding(std::int64_t items, Id pad_id, const TokenArrays<Id>& out) {
    if (out.input_ids != nullptr) set_all(out.input_ids, items, pad_id);
    if (out.labels != nullptr) set_all(out.labels, items, static_cast<Id>(kIgnoreLabel));
    if (out.position_ids != nullptr) set_all(out.position_ids, items, Id{0});
    if (out.segment_ids != nullptr) set_all(out.segment_ids, items, Id{0});
}

template <typename Id>
void fill_span(const ResolvedSpan& span, TokenDtype dtype, Id segment, Id pad_id,
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
    if (out.labels != nullptr && span.length > 0) out.labels[0] = static_cast<Id>(kIgnoreLabel);
    if (out.position_ids != nullptr) count_up(out.position_ids, span.length);
    if (out.segment_ids != nullptr) set_all(out.segment_ids, span.length, segment);
    if (span.room > span.length) fill_padding(span.room - span.length, pad_id, advance(out, span.length));
}

int useful_threads(std::int64_t items, int num_threads) {
    return static_cast<int>(std::clamp<std::int64_t>(items / kItemsPerThread, 1, num_threads));
}

}  // namespace

template <typename Id>
void fill_padded(std::span<const TokenDtype> dtypes, const ResolvedRows& rows, std::int64_t row_length,
                 Id pad_id, const TokenArrays<Id>& out, int num_threads) {
    const auto num_rows = static_cast<std::int64_t>(rows.row_room.size());
    for (const std::int64_t tokens : rows.row_room) {
        if (tokens > row_length) {
            throw std::invalid_argument("a sequence has " + std::to_string(tokens) +
                                        " tokens, the row has room for " + std::to_string(row_length));
        }
    }
    parallel_for(num_rows, useful_threads(num_rows * row_length, num_threads), [&](std::int64_t r) {
        const auto row = static_cast<std::size_t>(r);
        TokenArrays<Id> at = advance(out, r * row_length);
        Id segment = 0;
        for (std::int64_t s = rows.first_span[row]; s < rows.first_span[row + 1]; ++s) {
            const ResolvedSpan& span = rows.spans[static_cast<std::size_t>(s)];
            fill_span(span, dtypes[static_cast<std::size_t>(span.source)], ++segment, pad_id, at);
            at = advance(at, span.room);
        }
        fill_padding(row_length - rows.row_room[row], pad_id, at);
    });
}

template <typename Id>
void fill_varlen(std::span<const TokenDtype> dtypes, const ResolvedRows& rows, Id pad_id,
                 const TokenArrays<Id>& out, std::span<std::int32_t> cu_seqlens, int num_threads) {
    if (rows.num_items > std::numeric_limits<std::int32_t>::max()) {
        throw std::overflow_error("a batch has " + std::to_string(rows.num_items) +
                                  " tokens, cu_seqlens (int32) can count to 2^31-1");
    }
    cu_seqlens[0] = 0;
    for (std::size_t s = 0; s < rows.spans.size(); ++s)
        cu_seqlens[s + 1] = cu_seqlens[s] + rows.spans[s].room;
    const auto num_rows = static_cast<std::int64_t>(rows.row_room.size());
    parallel_for(num_rows, useful_threads(rows.num_items, num_threads), [&](std::int64_t r) {
        const auto row = static_cast<std::size_t>(r);
        for (std::int64_t s = rows.first_span[row]; s < rows.first_span[row + 1]; ++s) {
            const ResolvedSpan& span = rows.spans[static_cast<std::size_t>(s)];
            fill_span(span, dtypes[static_cast<std::size_t>(span.source)], static_cast<Id>(s + 1), pad_id,
                      advance(out, cu_seqlens[static_cast<std::size_t>(s)]));
        }
    });
}

template void fill_padded(std::span<const TokenDtype>, const ResolvedRows&, std::int64_t, std::int32_t,
                          const TokenArrays<std::int32_t>&, int);
template void fill_padded(std::span<const TokenDtype>, const ResolvedRows&, std::int64_t, std::int64_t,
                          const TokenArrays<std::int64_t>&, int);
template void fill_varlen(std::span<const TokenDtype>, const ResolvedRows&, std::int32_t,
                          const TokenArrays<std::int32_t>&, std::span<std::int32_t>, int);
template void fill_varlen(std::span<const TokenDtype>, const ResolvedRows&, std::int64_t,
                          const TokenArrays<std::int64_t>&, std::span<std::int32_t>, int);

}  // namespace pypack
