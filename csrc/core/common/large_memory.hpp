// Memory for large outputs, used again as soon as its last owner is gone. A fresh page is cleared by the
// kernel at its first touch, which costs as much as many of the passes here: 100 M documents into fresh 4 KiB
// pages took 1.3 s, into huge pages 0.2 s, and packing or tokenizing batch after batch pays it every time.
#pragma once

#include <cstddef>

namespace pypack {

// Blocks from this size on are kept; smaller ones are left to malloc.
inline constexpr std::size_t kLeastLargeMemory = std::size_t{1} << 20;
// What the process keeps of blocks that nobody uses; a block of this size is not kept.
inline constexpr std::size_t kMostIdleMemory = std::size_t{1} << 26;

inline constexpr std::size_t kMemoryAlignment = 64;  // of every block

struct MemoryBlock {
    std::byte* data = nullptr;
    std::size_t size = 0;
};

// A block of at least `size` bytes with arbitrary content; of at least `enough` where such a block is at
// hand, so that its size is to be looked at. Throws std::bad_alloc. Thread-safe.
[[nodiscard]] MemoryBlock take_memory(std::size_t size, std::size_t enough);

void give_back_memory(MemoryBlock block) noexcept;

}  // namespace pypack
