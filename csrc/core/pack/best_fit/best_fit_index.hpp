// Best fit as bare indices, for those who have their own loader: which sequence each document is in, or which
// documents each sequence holds. Documents stay whole, so `split` is refused; there is no limit on memory but
// the output's.
#pragma once

#include <span>

#include "common/buffer.hpp"
#include "pack/plan/options.hpp"

namespace pypack {

// Sequence of each document; -1: in none (no tokens, or left out). Id: int32 or int64.
template <typename Id>
struct SequenceOfDocuments {
    Buffer<Id> sequence;
    std::int64_t num_sequences = 0;
};

// Sequence s holds documents[offsets[s]] .. documents[offsets[s + 1]].
template <typename Id>
struct DocumentsOfSequences {
    Buffer<std::int64_t> offsets;
    Buffer<Id> documents;
};

template <typename Id>
[[nodiscard]] SequenceOfDocuments<Id> best_fit_sequence_of(std::span<const Length> lengths,
                                                           const PackOptions& options, int num_threads);

template <typename Id>
[[nodiscard]] DocumentsOfSequences<Id> best_fit_documents(std::span<const Length> lengths,
                                                          const PackOptions& options, int num_threads);

}  // namespace pypack
