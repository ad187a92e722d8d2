// Numbers that are drawn for the tokens of a span, and which of them lie below limits, as bits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/instructions.hpp"
#include "objective/draws.hpp"

namespace pypack {

// Tokens whose bits make a number, and those that are decided at a time.
inline constexpr std::int64_t kChosenBlock = 64;
inline constexpr std::int64_t kChosenPiece = 16 * kChosenBlock;

// A number from 0 to 2^32 - 1 for each token: sixteen bits of a draw that four tokens share, and, where
// these do not decide, sixteen more.
class TokenNumbers {
  public:
    // `instructions`: resolved.
    TokenNumbers(std::uint64_t span_key, Purpose first_bits, Purpose last_bits, Instructions instructions);

    // Bit i % 64 of bits[l][i / 64] is 1 where the number of token first + i is below limits[l], which is at
    // most 2^32, for the first `count` tokens, at most kChosenPiece; the other bits of the last word are 0.
    // `first` is a multiple of kChosenBlock.
    template <std::size_t limits>
    void below(const std::array<std::uint64_t, limits>& of, std::int64_t first, std::int64_t count,
               const std::array<std::uint64_t*, limits>& bits) const;

  private:
    void break_ties(std::uint64_t limit, std::int64_t first, const std::uint64_t* equal, std::uint32_t blocks,
                    std::uint64_t* bits) const;

    std::uint64_t draws_;
    std::uint64_t ties_;
    Instructions instructions_;
};

// Which tokens are chosen, each with the same chance, in units of 2^-32.
class Chances {
  public:
    Chances(std::uint64_t span_key, std::uint64_t chance, Instructions instructions)
        : numbers_(span_key, Purpose::kChoose, Purpose::kTie, instructions), chance_(chance) {}

    void choose(std::int64_t first, std::int64_t count, std::uint64_t* bits) const {
        numbers_.below<1>({chance_}, first, count, {bits});
    }

  private:
    TokenNumbers numbers_;
    std::uint64_t chance_;
};

// The places first + i of all bits i of so many numbers that are 1, in order, into `places`, which has room
// for sixteen more than there are. Returns how many there are. `instructions` resolved.
[[nodiscard]] std::size_t list_places(const std::uint64_t* bits, std::int64_t numbers, std::int64_t first,
                                      Instructions instructions, std::uint32_t* places);

}  // namespace pypack
