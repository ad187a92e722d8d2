// The sequences of one step by falling cost, where costs are whole numbers: a few hundred, for every step
// anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/instructions.hpp"

namespace pypack {

// Keeps its memory from step to step.
class StepSorter {
  public:
    // Sorts; equal costs stay in the order of their indices. Costs must not be negative. Throws
    // std::invalid_argument where the machine lacks the instructions.
    void sort(std::span<const std::int64_t> costs, Instructions instructions = Instructions::kBest);

    // Whether this machine sorts so many at once, which takes less than finding a few places alone.
    [[nodiscard]] static bool sorts_in_vectors(std::size_t size);

    // What was sorted: which costs, and the costs themselves.
    [[nodiscard]] std::span<const std::uint32_t> order() const { return order_; }
    [[nodiscard]] std::span<const std::int64_t> costs() const { return falling_; }

  private:
    void sort_keys(int place_bits, int width, Instructions instructions);
    void sort_by_lists(int place_bits, int width);

    std::vector<std::uint64_t> keys_;
    std::vector<std::uint64_t> sorted_;
    std::vector<std::uint32_t> begins_;
    std::vector<std::uint32_t> order_;
    std::vector<std::int64_t> falling_;
};

}  // namespace pypack
