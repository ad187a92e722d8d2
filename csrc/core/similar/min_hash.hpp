// Near duplicates by MinHash (Broder 1997) over runs of ids, the shingles of a document.
//
// Documents whose shingles have the Jaccard similarity s agree in one hash of the signature with probability
// s, in a band of r of them with s^r, and in one of b bands with 1 - (1 - s^r)^b. Those that do are compared
// exactly, so that what is marked is similar, and only what is missed is chance.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "common/buffer.hpp"
#include "similar/tf_idf.hpp"
#include "store/store_view.hpp"

namespace pypack {

struct MinHashOptions {
    std::int64_t shingle = 5;  // ids of a shingle; a shorter document is one shingle
    std::int64_t bands = 16;
    std::int64_t rows = 8;   // hashes of a band
    double threshold = 0.8;  // Jaccard similarity from which on two documents are near duplicates
    std::uint64_t seed = 0;
    std::int64_t max_ids = 1 << 20;  // of a document that are looked at

    void validate() const;
};

// The hashes of the shingles of a document, rising, each once.
void shingles_of(std::span<const std::uint32_t> ids, std::int64_t shingle, std::vector<std::uint64_t>& out);

// The hash of each band of the signature of some shingles.
void band_hashes(std::span<const std::uint64_t> shingles, const MinHashOptions& options,
                 std::span<std::uint64_t> out);

// Of a store the hashes of each band, band after band, and which documents have no id.
struct StoreBands {
    Buffer<std::uint64_t> hashes;  // [bands * documents]
    std::vector<std::uint8_t> is_empty;
    std::int64_t documents = 0;

    // The documents that are not empty with their hashes of a band, sorted by these, then by number.
    using Sorted = std::vector<std::pair<std::uint64_t, std::int64_t>>;
    void sort(std::int64_t band, Sorted& out) const;
    // Calls visit(bucket) for the documents of one hash, two or more.
    template <typename Visit>
    static void each_bucket(const Sorted& sorted, Visit&& visit) {
        for (std::size_t begin = 0, end = 0; begin < sorted.size(); begin = end) {
            for (end = begin; end < sorted.size() && sorted[end].first == sorted[begin].first;) ++end;
            if (end - begin > 1) visit(std::span(sorted).subspan(begin, end - begin));
        }
    }
};

[[nodiscard]] StoreBands bands_of_store(const StoreView& store, const MinHashOptions& options,
                                        int num_threads);

// |a and b| / |a or b| of two rising lists; 1 of two empty ones.
[[nodiscard]] double jaccard(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b);

// The first document of the near duplicates that each belongs to (its own number, if it is the first):
// documents that similar pairs join, directly or through others. Empty documents are like no other. Memory:
// 8 * bands + 24 bytes a document.
[[nodiscard]] Buffer<std::int64_t> first_similar(const StoreView& store, const MinHashOptions& options,
                                                 int num_threads);

// Documents as sparse rows whose product is the share of bands that two of them agree in: with one hash a
// band, an estimate of the Jaccard similarity of their shingles. `threshold` is not looked at.
[[nodiscard]] SparseRows min_hash_rows(const StoreView& store, const MinHashOptions& options,
                                       int num_threads);

}  // namespace pypack
