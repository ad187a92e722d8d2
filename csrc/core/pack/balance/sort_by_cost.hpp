// Sequences by falling cost, as every step that is balanced needs them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pypack {

// Keeps its memory from step to step.
class CostSorter {
  public:
    // Brings sequences into the order of falling costs; equal costs stay as they come. costs[sequence] must
    // be finite and not negative.
    void sort(std::span<std::int64_t> sequences, std::span<const double> costs);

  private:
    struct Item {
        std::uint64_t key;  // falls as the cost rises
        std::int64_t sequence;
    };
    std::vector<std::uint64_t> keys_;
    std::vector<std::uint64_t> other_keys_;
    std::vector<std::int64_t> order_;  // as it came
    std::vector<Item> items_;
    std::vector<Item> other_items_;
};

}  // namespace pypack
