// Memory for batches, used again as soon as the batch that had it is gone. Fresh pages cost more than the
// whole gather (a 4 KiB page is zeroed by the kernel at its first touch), reused ones are still in the cache.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace pypack {

class BufferPool {
  public:
    // Keeps at most `max_idle` unused buffers.
    explicit BufferPool(std::size_t max_idle);

    // At least `size` bytes, aligned to 64, with arbitrary content; back in the pool when the last owner is
    // gone, even if the pool itself is gone before. Thread-safe.
    [[nodiscard]] std::shared_ptr<std::byte> take(std::size_t size);

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace pypack
