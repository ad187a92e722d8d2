// A plan as the bindings take it.
#pragma once

#include <cstdint>

#include "bindings/common/arrays.hpp"
#include "common/types.hpp"
#include "pack/plan/plan_view.hpp"

namespace pypack::bindings {

// `_core.PlanView`: holds the arrays, so that they live as long as the view of them, and has checked that
// their sizes agree.
class PlanHandle {
  public:
    PlanHandle(Array<std::int64_t> sequence_offsets, Array<std::int64_t> span_document,
               Array<Length> span_start, Array<Length> span_length, Array<Length> sequence_capacity);

    [[nodiscard]] const PlanView& plan() const { return plan_; }

  private:
    Array<std::int64_t> sequence_offsets_;
    Array<std::int64_t> span_document_;
    Array<Length> span_start_;
    Array<Length> span_length_;
    Array<Length> sequence_capacity_;
    PlanView plan_;
};

}  // namespace pypack::bindings
