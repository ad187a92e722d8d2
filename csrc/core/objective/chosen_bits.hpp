// Which tokens of a span are chosen, each with the same chance, as bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/instructions.hpp"

namespace pypack {

// Tokens that are decided at a time; a block begins at a multiple of it.
inline constexpr std::int64_t kChosenBlock = 64;

// A chance in units of 2^-32, for the tokens of a span.
class Chances {
  public:
    // Of a span's key; `chance` from 0 to 2^32, `instructions` resolved.
    Chances(std::uint64_t span_key, std::uint64_t chance, Instructions instructions);

    // Bit i is 1 where token first + i is chosen, for the first `count` tokens of a block; other bits are 0.
    [[nodiscard]] std::uint64_t choose(std::int64_t first, std::int64_t count) const;

  private:
    std::uint64_t draws_;
    std::uint64_t ties_;
    std::uint64_t chance_;
    Instructions instructions_;
};

// Appends the places first + i of all bits i that are 1 to `places`, whose first `count` are set and which
// has room for sixteen more than will be. Returns how many there are then. `instructions` resolved.
[[nodiscard]] std::size_t append_places(std::uint64_t bits, std::int64_t first, Instructions instructions,
                                        std::uint32_t* places, std::size_t count);

}  // namespace pypack
