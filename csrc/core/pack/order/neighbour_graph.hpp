// The undirected graph of nearest neighbours: the lists as they are given, and for every document those that
// have it in theirs, without being in its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/buffer.hpp"

namespace pypack {

class NeighbourGraph {
  public:
    // As `order_documents`.
    NeighbourGraph(std::span<const std::int32_t> neighbours, std::span<const float> similarities,
                   std::int64_t documents, int num_threads);

    [[nodiscard]] std::int64_t size() const { return documents_; }
    [[nodiscard]] std::int32_t degree(std::int64_t document) const {
        return degrees_[static_cast<std::size_t>(document)];
    }

    // Calls visit(document, weight) for every document that this one is joined with, each once.
    template <typename Visit>
    void each(std::int64_t document, Visit&& visit) const {
        const auto begin = static_cast<std::size_t>(document) * width_;
        for (std::size_t i = begin; i < begin + width_; ++i) {
            if (weights_[static_cast<std::int64_t>(i)] != kNone) {
                visit(neighbours_[i], weights_[static_cast<std::int64_t>(i)]);
            }
        }
        const std::int64_t end = reverse_begins_[static_cast<std::size_t>(document) + 1];
        for (std::int64_t i = reverse_begins_[static_cast<std::size_t>(document)]; i < end; ++i) {
            visit(reverse_[i].document, reverse_[i].weight);
        }
    }

    // Asks the memory for what `each` reads.
    void prefetch_lists(std::int64_t document) const;

  private:
    struct Edge {
        std::int32_t document;
        float weight;
    };
    static constexpr float kNone = -3.0e38F;  // no edge: below any similarity

    void check_rows(std::int64_t first, std::int64_t last, std::span<const float> similarities);
    void weigh_rows(std::int64_t first, std::int64_t last, std::span<const float> similarities);

    std::span<const std::int32_t> neighbours_;
    std::int64_t documents_;
    std::size_t width_;
    Buffer<float> weights_;                     // of the given lists; kNone where there is no edge
    Buffer<std::uint8_t> one_way_;              // of them: whether the other does not name this one
    std::vector<std::int64_t> reverse_begins_;  // [documents + 1]
    Buffer<Edge> reverse_;
    std::vector<std::int32_t> degrees_;
};

}  // namespace pypack
