// Dataset Decomposition (Pouransari et al., arXiv 2405.13226): each document is cut into pieces whose lengths
// are powers of two, so that sequences of one length hold one piece each and nothing is padded or mixed.
#pragma once

#include <cstdint>
#include <span>

#include "pack/plan/plan_arrays.hpp"

namespace pypack {

// Tokens of a piece of bucket k.
enum class PieceLength : std::uint8_t {
    exact,    // 2^k; labels are shifted inside the piece (the paper, and OLMo-core)
    shifted,  // 2^k + 1, the last one a label only (the paper's own script)
};

// The pieces of a document, or of its rest, that is longer than the longest bucket.
enum class LongDocuments : std::uint8_t {
    longest,  // of the longest bucket
    random,   // of bucket k with probability proportional to 2^-k, so that buckets get equal tokens
};

// What is left of a document when it is shorter than the shortest bucket.
enum class Remainder : std::uint8_t {
    drop,  // counted
    pack,  // packed by best fit into sequences of the shortest bucket's length
    keep,  // cut on, down to one token (shifted: to two)
};

struct DecomposeOptions {
    Length min_length = 256;  // powers of two
    Length max_length = 8192;
    PieceLength piece_length = PieceLength::exact;
    LongDocuments long_documents = LongDocuments::longest;
    Remainder remainder = Remainder::pack;
    std::uint64_t seed = 0;  // of LongDocuments::random

    void validate(const PackOptions& options) const;
};

// Sequences come by bucket, the longest first, within a bucket in input order; packed remainders come last.
[[nodiscard]] PlanArrays decompose(std::span<const Length> lengths, const PackOptions& options,
                                   const DecomposeOptions& buckets, int num_threads);

}  // namespace pypack
