// Documents as vectors of their most telling ids, without a model: tf-idf, of unit length, cut to a few
// features.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/buffer.hpp"
#include "store/store_view.hpp"

namespace pypack {

struct TfIdfOptions {
    std::int64_t features = 64;      // of a document, those of the largest weights
    std::int64_t max_ids = 1 << 14;  // of a document that are looked at, from its start
    std::int64_t buckets = 1 << 20;  // ids are hashed to so many where there may be more

    void validate() const;
};

// Sparse rows: those of document d are [begins[d], begins[d + 1]), their features rising. The weight of an id
// is (1 + log(its number in the document)) * log((1 + documents) / (1 + documents with it)), over the length
// of the whole vector.
struct SparseRows {
    std::vector<std::int64_t> begins;
    Buffer<std::uint32_t> features;
    Buffer<float> weights;
};

[[nodiscard]] SparseRows tf_idf(const StoreView& store, const TfIdfOptions& options, int num_threads);

}  // namespace pypack
