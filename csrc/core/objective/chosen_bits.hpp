// Which tokens of a span are chosen, each with the same chance, as bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/instructions.hpp"

namespace pypack {

// Tokens whose bits make a number, and those that are decided at a time.
inline constexpr std::int64_t kChosenBlock = 64;
inline constexpr std::int64_t kChosenPiece = 16 * kChosenBlock;

// A chance in units of 2^-32, for the tokens of a span.
class Chances {
  public:
    // Of a span's key; `chance` from 0 to 2^32, `instructions` resolved.
    Chances(std::uint64_t span_key, std::uint64_t chance, Instructions instructions);

    // Bit i % 64 of bits[i / 64] is 1 where token first + i is chosen, for the first `count` tokens, at most
    // kChosenPiece; the other bits of the last number are 0. `first` is a multiple of kChosenBlock.
    void choose(std::int64_t first, std::int64_t count, std::uint64_t* bits) const;

  private:
    std::uint64_t draws_;
    std::uint64_t ties_;
    std::uint64_t chance_;
    Instructions instructions_;
};

// The places first + i of all bits i of so many numbers that are 1, in order, into `places`, which has room
// for sixteen more than there are. Returns how many there are. `instructions` resolved.
[[nodiscard]] std::size_t list_places(const std::uint64_t* bits, std::int64_t numbers, std::int64_t first,
                                      Instructions instructions, std::uint32_t* places);

}  // namespace pypack
