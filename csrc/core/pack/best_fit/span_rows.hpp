// Sorted documents as the words of spans, for many sequences alike at a time.
#pragma once

#include <cstdint>
#include <span>

#include "pack/best_fit/alike_sequences.hpp"
#include "pack/best_fit/sorted_documents.hpp"
#include "pack/plan/options.hpp"

namespace pypack {

class SpanRows {
  public:
    static constexpr std::int64_t kMost = StrideWindows::kBatch;

    // `all_plain`: there are none but PlainDocuments.
    SpanRows(const SortedDocuments& sorted, std::span<const Length> lengths, const PackOptions& options,
             bool all_plain);

    // out[i]: the k-th document of a part in sequence first + i of its stretch, with a mark beside it, for
    // `size` sequences, from 1 to kMost.
    void write(const StretchPart& part, std::int64_t first, std::int64_t k, std::int64_t size,
               std::uint64_t mark, std::uint64_t* out) const;

  private:
    // What tells where a piece of less than a sequence ends.
    enum class Ends : std::uint8_t { units, numbers, lengths };

    void write_by_lengths(const std::uint32_t* numbers, std::int64_t size, std::uint64_t mark,
                          std::uint64_t* out) const;

    const SortedDocuments& sorted_;
    std::span<const Length> lengths_;
    Length most_;  // tokens of a document from its start that its spans hold
    Ends ends_;
};

}  // namespace pypack
