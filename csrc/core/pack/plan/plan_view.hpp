// The arrays of a plan: sequence s holds the spans sequence_offsets[s] ..
// sequence_offsets[s+1]. They come from files, so nothing about their content is taken for granted.
#pragma once

#include <cstdint>
#include <span>

#include "common/types.hpp"

namespace pypack {

struct PlanView {
    std::span<const std::int64_t> sequence_offsets;  // [S+1]
    std::span<const std::int64_t> span_document;     // [N]
    std::span<const Length> span_start;              // [N]
    std::span<const Length> span_length;             // [N]
    std::span<const Length> sequence_capacity;       // [S]

    [[nodiscard]] std::int64_t num_sequences() const {
        return static_cast<std::int64_t>(sequence_capacity.size());
    }
    [[nodiscard]] std::int64_t num_spans() const { return static_cast<std::int64_t>(span_document.size()); }
};

}  // namespace pypack
