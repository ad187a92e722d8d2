#include "batch/prompts.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "common/checked.hpp"
#include "common/simd.hpp"

namespace pypack {

namespace {

constexpr std::int64_t kMaxItems = std::numeric_limits<std::int32_t>::max();

PYPACK_SIMD_CLONES TokenId largest(const TokenId* __restrict tokens, std::int64_t n) {
    TokenId top = 0;
    for (std::int64_t i = 0; i < n; ++i) top = tokens[i] > top ? tokens[i] : top;
    return top;
}

void check_prompts(std::span<const TokenId> values, std::span<const Offset> offsets) {
    if (offsets.empty() || offsets.front() != 0 || offsets.back() != static_cast<Offset>(values.size()) ||
        !std::is_sorted(offsets.begin(), offsets.end())) {
        throw std::invalid_argument("offsets must rise from 0 to the number of tokens without falling");
    }
    if (largest(values.data(), static_cast<std::int64_t>(values.size())) <= kMaxItems) return;
    const auto bad = std::find_if(values.begin(), values.end(), [](TokenId id) { return id > kMaxItems; });
    const auto next = std::upper_bound(offsets.begin(), offsets.end(), bad - values.begin());
    throw std::invalid_argument("prompt " + std::to_string(next - offsets.begin() - 1) + " has token id " +
                                std::to_string(*bad) + ": ids must be from 0 to 2^31-1");
}

}  // namespace

ResolvedRows resolve_prompts(std::span<const TokenId> values, std::span<const Offset> offsets,
                             const PlanView& plan) {
    check_prompts(values, offsets);
    const auto num_prompts = static_cast<std::int64_t>(offsets.size()) - 1;
    std::vector<bool> seen(static_cast<std::size_t>(num_prompts));
    ResolvedRows out;
    out.first_span.assign(plan.sequence_offsets.begin(), plan.sequence_offsets.end());
    out.spans.reserve(plan.span_document.size());
    out.row_room.reserve(plan.sequence_capacity.size());
    for (std::size_t row = 0; row + 1 < plan.sequence_offsets.size(); ++row) {
        std::int64_t tokens = 0;
        for (std::int64_t s = plan.sequence_offsets[row]; s < plan.sequence_offsets[row + 1]; ++s) {
            const auto i = static_cast<std::size_t>(s);
            const std::int64_t prompt = plan.span_document[i];
            if (prompt < 0 || prompt >= num_prompts) {
                throw std::out_of_range("prompt " + std::to_string(prompt) + " of " +
                                        std::to_string(num_prompts));
            }
            const auto p = static_cast<std::size_t>(prompt);
            const Length length = plan.span_length[i];
            if (plan.span_start[i] != 0 || length != offsets[p + 1] - offsets[p] || seen[p]) {
                throw std::invalid_argument(
                    "prompt " + std::to_string(prompt) + " has " +
                    std::to_string(offsets[p + 1] - offsets[p]) +
                    " tokens and is cut into spans: prefill needs each prompt whole, use a strategy that "
                    "keeps documents whole (best_fit, next_fit, pad)");
            }
            seen[p] = true;
            out.spans.push_back(
                {reinterpret_cast<const std::byte*>(values.data() + offsets[p]), prompt, length, length, 0});
            tokens += length;
            out.longest_room = std::max(out.longest_room, length);
        }
        out.row_room.push_back(tokens);
        out.num_tokens = checked_add(out.num_tokens, tokens, "the number of tokens in a batch");
        out.num_items = out.num_tokens;
    }
    return out;
}

PromptPlaces place_prompts(const ResolvedRows& rows, std::int64_t num_prompts, std::int64_t row_length) {
    const auto num_rows = static_cast<std::int64_t>(rows.row_room.size());
    const std::int64_t items =
        row_length == 0 ? rows.num_tokens : checked_multiply(num_rows, row_length, "the size of a batch");
    if (items > kMaxItems) {
        throw std::overflow_error("the rows have " + std::to_string(items) +
                                  " items, cu_seqlens (int32) can count to 2^31-1: prepack fewer prompts");
    }
    PromptPlaces out;
    out.row.assign(static_cast<std::size_t>(num_prompts), -1);
    out.start.assign(static_cast<std::size_t>(num_prompts), 0);
    out.cu_seqlens.reserve(rows.spans.size() + 1);
    out.cu_seqlens.push_back(0);
    out.max_seqlen = rows.longest_room;
    for (std::int64_t r = 0; r < num_rows; ++r) {
        const auto row = static_cast<std::size_t>(r);
        const std::int64_t row_begin = row_length == 0 ? 0 : r * row_length;
        for (std::int64_t s = rows.first_span[row]; s < rows.first_span[row + 1]; ++s) {
            const ResolvedSpan& span = rows.spans[static_cast<std::size_t>(s)];
            const auto prompt = static_cast<std::size_t>(span.document);
            out.row[prompt] = row_length == 0 ? 0 : r;
            out.start[prompt] = out.cu_seqlens.back() - row_begin;
            out.cu_seqlens.push_back(out.cu_seqlens.back() + span.length);
        }
        if (const std::int64_t padding = row_length - rows.row_room[row]; padding > 0) {
            out.cu_seqlens.push_back(static_cast<std::int32_t>(out.cu_seqlens.back() + padding));
            out.max_seqlen = std::max(out.max_seqlen, static_cast<std::int32_t>(padding));
        }
    }
    return out;
}

}  // namespace pypack
