// Dataset Decomposition over many documents at once. The pieces of a document are the binary digits of its
// length: bucket k has one where bit k is set, which starts at the value of the higher bits, and the longest
// bucket has what the bits from its own up count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/instructions.hpp"
#include "pack/plan/options.hpp"

namespace pypack {

struct CutBuckets {
    int lowest;
    int highest;
};

// What becomes of the documents of a block; those of length 0 count nowhere.
struct CutCounts {
    std::int64_t dropped_documents = 0;  // shorter than the lowest bucket, and not packed
    std::int64_t dropped_tokens = 0;
    std::int64_t truncated_documents = 0;  // that lose their rest
    std::int64_t truncated_tokens = 0;
    std::int64_t split_documents = 0;
};

// Adds the pieces of the documents to pieces[bucket]. `least_packed`: rests from this length on are packed,
// and make one more piece.
[[nodiscard]] CutCounts count_binary_cuts(std::span<const Length> lengths, CutBuckets buckets,
                                          Length least_packed, std::span<std::int64_t> pieces);

// The pieces of `bucket`, which is not the longest, in the order of the documents: writes the number of the
// document, from `first_document` on, and where the piece starts in it. Returns how many there are. Elements
// behind them are overwritten, within [0, room).
std::size_t select_bucket(std::span<const Length> lengths, int bucket, std::int64_t first_document,
                          std::size_t room, std::int64_t* documents, Length* starts,
                          Instructions instructions = Instructions::kBest);

// So many are written at a time, whether selected or not.
inline constexpr std::size_t kMostSelectedAtOnce = 16;

// Positions of the lengths from `least` on. Writes up to lengths.size() + kMostSelectedAtOnce elements.
std::size_t select_long(std::span<const Length> lengths, Length least, std::uint32_t* positions,
                        Instructions instructions = Instructions::kBest);

}  // namespace pypack
