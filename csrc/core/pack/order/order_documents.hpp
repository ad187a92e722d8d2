// Documents in an order in which like ones stand together, as In-Context Pretraining has it
// (arXiv 2310.10638): a greedy path over the graph of nearest neighbours.
//
// Two documents are joined by an edge if one is among the neighbours of the other; its weight is the larger
// of the two similarities. A run begins with a document that has the fewest edges to documents not yet taken,
// goes on to the one with the highest weight that is not yet taken (of equal ones the lowest number), and
// ends where there is none, or at the longest run.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/buffer.hpp"

namespace pypack {

struct OrderOptions {
    std::int64_t max_run = 0;              // documents of a run; 0: any number
    std::optional<float> duplicate_above;  // a neighbour of a taken document above it is left out
    std::uint64_t seed = 0;                // of the order in which documents of equal degree begin runs
};

struct DocumentOrder {
    Buffer<std::int64_t> order;         // documents
    std::vector<std::int64_t> breaks;   // where in it each run begins
    std::vector<std::int64_t> dropped;  // near duplicates, in the order in which they were found
};

// neighbours, similarities: [documents * width], row by row; -1: no neighbour. Throws std::invalid_argument
// for a number that is no document, or a similarity that is no number.
[[nodiscard]] DocumentOrder order_documents(std::span<const std::int32_t> neighbours,
                                            std::span<const float> similarities, std::int64_t documents,
                                            const OrderOptions& options, int num_threads);

}  // namespace pypack
