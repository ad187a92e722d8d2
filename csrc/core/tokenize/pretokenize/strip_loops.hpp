// The loops of strips.hpp over 64 bytes at a time, for each instruction set.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/instructions.hpp"

namespace pypack {

// `blocks` stands for 64 bytes, or the rest of `size`; of what is written up to a whole block may be garbage.
struct StripLoops {
    // out[i] = table[text[i]] for ASCII, table[0x80] for the rest. leads: for each block, which bytes begin a
    // character outside ASCII. `readable` bytes, at least size, may be read.
    void (*look_up)(const char* text, std::size_t size, std::size_t readable,
                    const std::array<std::uint8_t, 256>& table, std::uint8_t* out, std::uint64_t* leads);
    // For each block, which bytes have bit 0, and which have bit 1. To `places` goes base + i for every byte
    // i that has bit 2; returns how many. Whole blocks can be read, and written.
    std::size_t (*find_bits)(const std::uint8_t* bytes, std::size_t size, std::uint32_t base,
                             std::uint64_t* bits_0, std::uint64_t* bits_1, std::uint32_t* places);
    // Writes base + i for every bit i of the mask of a block; 64 elements may be written. Returns how many.
    std::size_t (*write_positions)(std::uint64_t mask, std::uint32_t base, std::uint32_t* out);
};

[[nodiscard]] const StripLoops& strip_loops(Instructions instructions);

}  // namespace pypack
