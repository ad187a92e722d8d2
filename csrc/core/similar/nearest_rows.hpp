// The nearest of sparse rows by their product, over lists of the rows that hold each feature. Of a feature
// that very many rows hold only those with its largest weights are listed: what only such features join is
// not found.
#pragma once

#include <cstdint>

#include "common/buffer.hpp"
#include "similar/tf_idf.hpp"

namespace pypack {

struct Nearest {
    Buffer<std::int32_t> rows;  // [n * k], the nearest first; of equal ones the lower number; -1: none
    Buffer<float> products;     // [n * k], 0 where there is none
};

// k nearest other rows of each, with a product above 0. max_listed: rows a feature. What is found is scored
// by its exact product.
[[nodiscard]] Nearest nearest_rows(const SparseRows& rows, std::int64_t k, std::int64_t max_listed,
                                   int num_threads);

}  // namespace pypack
