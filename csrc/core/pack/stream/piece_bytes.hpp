// Buffered pieces in a few bytes each, for the state of a packer.
//
// From the newest to the oldest, each as numbers in base 128 (seven bits a byte from the lowest on, the
// eighth set where more follow):
//     2 * gap + (start > 0)      gap: how many documents after it the next newer piece is from, or for the
//                                newest piece the next document that will come; at least 1
//     length
//     start / sequence_length    only where start > 0
// Most take three bytes: neighbours in the buffer are from neighbouring documents, and where a document was
// cut, it was cut into full sequences.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pack/plan/plan_arrays.hpp"

namespace pypack {

// Pieces of ascending documents below `next_document`, which start at multiples of `sequence_length`.
[[nodiscard]] std::vector<std::uint8_t> pieces_to_bytes(std::span<const Piece> pieces,
                                                        std::int64_t next_document, Length sequence_length);

// The pieces again. Lengths are from 1 to sequence_length, whatever stands in `bytes`. Throws
// std::invalid_argument for bytes that pieces_to_bytes() cannot have written.
[[nodiscard]] std::vector<Piece> pieces_from_bytes(std::span<const std::uint8_t> bytes,
                                                   std::int64_t next_document, Length sequence_length);

}  // namespace pypack
