// A plan as the bindings take it.
#pragma once

#include <cstdint>
#include <optional>

#include "bindings/common/arrays.hpp"
#include "common/types.hpp"
#include "pack/plan/plan_view.hpp"

namespace pypack::bindings {

// `_core.PlanView`: holds the arrays, so that they live as long as the view of them, and has checked that
// their sizes agree.
class PlanHandle {
  public:
    PlanHandle(Array<std::int64_t> sequence_offsets, Array<std::int64_t> span_document,
               Array<Length> span_start, Array<Length> span_length, Array<Length> sequence_capacity,
               std::optional<Array<std::int64_t>> literal_offsets = std::nullopt,
               std::optional<Array<std::int32_t>> literal_tokens = std::nullopt,
               std::optional<Array<std::uint8_t>> literal_learned = std::nullopt, Length room = 0);

    [[nodiscard]] const PlanView& plan() const { return plan_; }

  private:
    Array<std::int64_t> sequence_offsets_;
    Array<std::int64_t> span_document_;
    Array<Length> span_start_;
    Array<Length> span_length_;
    Array<Length> sequence_capacity_;
    std::optional<Array<std::int64_t>> literal_offsets_;
    std::optional<Array<std::int32_t>> literal_tokens_;
    std::optional<Array<std::uint8_t>> literal_learned_;
    PlanView plan_;
};

}  // namespace pypack::bindings
