// The arrays of a plan: sequence s holds the spans sequence_offsets[s] ..
// sequence_offsets[s+1]. They come from files, so nothing about their content is taken for granted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/types.hpp"

namespace pypack {

// Tokens that are no document's, between the spans of sequences. Gap g holds tokens[offsets[g]] ..
// tokens[offsets[g + 1]]: span i of sequence s is behind gap i + s, and the last span before the gap that
// ends the sequence. `learned`: one bit a token, as store/mask_bits.hpp has them.
struct Literals {
    std::span<const std::int64_t> offsets;  // [N+S+1], or empty: there are none
    std::span<const std::int32_t> tokens;   // [M]
    std::span<const std::byte> learned;     // [ceil(M/8)]

    [[nodiscard]] bool any() const { return !offsets.empty(); }
};

struct PlanView {
    std::span<const std::int64_t> sequence_offsets;  // [S+1]
    std::span<const std::int64_t> span_document;     // [N]
    std::span<const Length> span_start;              // [N]
    std::span<const Length> span_length;             // [N]
    std::span<const Length> sequence_capacity;       // [S]
    // With literals every sequence is one text: one segment, whose positions count through.
    Literals literals{};
    // Every span has room for so many tokens more than it has, before align.
    Length room = 0;

    [[nodiscard]] std::int64_t num_sequences() const {
        return static_cast<std::int64_t>(sequence_capacity.size());
    }
    [[nodiscard]] std::int64_t num_spans() const { return static_cast<std::int64_t>(span_document.size()); }

    // Literals of a sequence whose bounds have been checked.
    [[nodiscard]] std::int64_t num_literals(std::size_t sequence) const {
        if (!literals.any()) return 0;
        const auto first = static_cast<std::size_t>(sequence_offsets[sequence]) + sequence;
        const auto last = static_cast<std::size_t>(sequence_offsets[sequence + 1]) + sequence + 1;
        return literals.offsets[last] - literals.offsets[first];
    }
};

}  // namespace pypack
