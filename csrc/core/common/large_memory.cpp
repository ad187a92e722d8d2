#include "common/large_memory.hpp"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace pypack {

namespace {

constexpr std::size_t kHugePage = std::size_t{1} << 21;

// Whole huge pages, since the kernel uses none that is advised in part.
std::size_t whole_pages(std::size_t size) {
    return (size + kHugePage - 1) / kHugePage * kHugePage;
}

MemoryBlock allocate_pages(std::size_t size) {
#if defined(__linux__)
    void* const memory = std::aligned_alloc(kHugePage, size);
    if (memory != nullptr) (void)madvise(memory, size, MADV_HUGEPAGE);
#else
    void* const memory = std::aligned_alloc(kMemoryAlignment, size);
#endif
    if (memory == nullptr) throw std::bad_alloc();
    return {static_cast<std::byte*>(memory), size};
}

class IdleBlocks {
  public:
    IdleBlocks() { blocks_.reserve(kMostIdleMemory / kHugePage + 1); }  // so that keep() never allocates

    // The block of at least `enough` bytes, not far larger than `size`, whose size is nearest to `size`; null
    // if there is none.
    [[nodiscard]] MemoryBlock find(std::size_t size, std::size_t enough) {
        const auto distance = [&](const MemoryBlock& block) {
            return block.size < size ? size - block.size : block.size - size;
        };
        // Whoever finds the list in use does without it: a child that was forked in between never waits.
        const std::unique_lock lock(mutex_, std::try_to_lock);
        if (!lock) return {};
        auto best = blocks_.end();
        for (auto it = blocks_.begin(); it != blocks_.end(); ++it) {
            if (it->size < enough || it->size > size + size / 4) continue;
            if (best == blocks_.end() || distance(*it) <= distance(*best))
                best = it;  // of equals the latest, the warmest
        }
        if (best == blocks_.end()) return {};
        const MemoryBlock found = *best;
        blocks_.erase(best);
        idle_ -= found.size;
        return found;
    }

    void keep(MemoryBlock block) noexcept {
        if (block.size < kMostIdleMemory) {
            const std::unique_lock lock(mutex_, std::try_to_lock);
            if (lock) {
                idle_ += block.size;
                blocks_.push_back(block);
                while (idle_ > kMostIdleMemory) {
                    std::free(blocks_.front().data);
                    idle_ -= blocks_.front().size;
                    blocks_.erase(blocks_.begin());
                }
                return;
            }
        }
        std::free(block.data);
    }

  private:
    std::mutex mutex_;
    std::vector<MemoryBlock> blocks_;  // in the order in which they came
    std::size_t idle_ = 0;             // bytes
};

// Never destroyed: arrays outlive static objects at the end of a process.
IdleBlocks& idle_blocks() {
    static IdleBlocks* const blocks = new IdleBlocks;
    return *blocks;
}

}  // namespace

MemoryBlock take_memory(std::size_t size, std::size_t enough) {
    if (size < kLeastLargeMemory) {
        // aligned_alloc takes whole multiples of the alignment.
        const std::size_t lines = std::max<std::size_t>(1, (size + kMemoryAlignment - 1) / kMemoryAlignment);
        void* const memory = std::aligned_alloc(kMemoryAlignment, lines * kMemoryAlignment);
        if (memory == nullptr) throw std::bad_alloc();
        return {static_cast<std::byte*>(memory), size};
    }
    const std::size_t rounded = whole_pages(size);
    const MemoryBlock found = idle_blocks().find(rounded, std::min(enough, rounded));
    return found.data != nullptr ? found : allocate_pages(rounded);
}

void give_back_memory(MemoryBlock block) noexcept {
    if (block.size < kLeastLargeMemory) {
        std::free(block.data);
    } else {
        idle_blocks().keep(block);
    }
}

}  // namespace pypack
