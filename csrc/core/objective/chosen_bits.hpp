// Which tokens of a span are chosen, each with the same chance, as bits.
#pragma once

#include <cstdint>

namespace pypack {

inline constexpr std::int64_t kChosenBlock = 256;  // tokens that are decided at a time

// A chance in units of 2^-32.
class Chances {
  public:
    // Of a span's key; `chance` from 0 to 2^32.
    Chances(std::uint64_t span_key, std::uint64_t chance);

    // Bit i % 64 of bits[i / 64] is 1 where token first + i is chosen, for the first `count` tokens; other
    // bits are 0. `first` is a multiple of kChosenBlock, `count` at most kChosenBlock.
    void choose(std::int64_t first, std::int64_t count, std::uint64_t* bits) const;

  private:
    std::uint64_t draws_;
    std::uint64_t ties_;
    std::uint64_t chance_;
};

}  // namespace pypack
