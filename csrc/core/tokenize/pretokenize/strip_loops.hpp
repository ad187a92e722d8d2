// The loops of strips.hpp over 64 bytes at a time, for each instruction set.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/instructions.hpp"

namespace pypack {

// `blocks` stands for 64 bytes, or the rest of `size`; of what is written up to a whole block may be garbage.
inline constexpr unsigned kMostPairWidth = 127;

struct StripLoops {
    // out[i] = table[text[i]] for ASCII, table[0x80] for the rest. leads: for each block, which bytes begin a
    // character outside ASCII. `readable` bytes, at least size, may be read.
    void (*look_up)(const char* text, std::size_t size, std::size_t readable,
                    const std::array<std::uint8_t, 256>& table, std::uint8_t* out, std::uint64_t* leads);
    // For each block, which bytes have bit 0, and which have bit 1. To `places` goes base + i for every byte
    // i that has bit 2; returns how many. Whole blocks can be read, and written.
    std::size_t (*find_bits)(const std::uint8_t* bytes, std::size_t size, std::uint32_t base,
                             std::uint64_t* bits_0, std::uint64_t* bits_1, std::uint32_t* places);
    // out[i] = classes[2 * i] * width + classes[2 * i + 1], for each block; whole blocks can be read, and 32
    // elements of each written. The width is at most kMostPairWidth, and so are the classes.
    void (*pair_up)(const std::uint8_t* classes, std::size_t size, unsigned width, std::uint16_t* out);
    // Writes base + i for every bit i of the masks of some blocks, one after the other until there are `most`
    // or more; 64 elements more may be written. Returns how many.
    std::size_t (*write_positions)(const std::uint64_t* masks, std::size_t blocks, std::uint32_t base,
                                   std::size_t most, std::uint32_t* out);
};

[[nodiscard]] const StripLoops& strip_loops(Instructions instructions);

}  // namespace pypack
