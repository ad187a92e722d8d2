#include "batch/buffer_pool.hpp"

#include <cstdlib>
#include <new>

namespace pypack {

namespace {

constexpr std::size_t kAlignment = 64;

struct Buffer {
    std::byte* data;
    std::size_t size;
};

}  // namespace

struct BufferPool::State {
    explicit State(std::size_t max_idle_buffers) : max_idle(max_idle_buffers) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        for (const Buffer& buffer : idle) std::free(buffer.data);
    }

    // The most recently returned buffer that is large enough: it is the warmest.
    Buffer take(std::size_t size) {
        {
            const std::lock_guard lock(mutex);
            for (auto it = idle.rbegin(); it != idle.rend(); ++it) {
                // A buffer far too large is left for the batches it was made for.
                if (it->size >= size && it->size <= 2 * size) {
                    const Buffer buffer = *it;
                    idle.erase(std::next(it).base());
                    return buffer;
                }
            }
        }
        auto* data = static_cast<std::byte*>(std::aligned_alloc(kAlignment, size));
        if (data == nullptr) throw std::bad_alloc();
        return {data, size};
    }

    void give_back(Buffer buffer) {
        std::byte* evicted = buffer.data;
        {
            const std::lock_guard lock(mutex);
            if (max_idle > 0) {
                evicted = nullptr;
                if (idle.size() == max_idle) {
                    evicted = idle.front().data;
                    idle.erase(idle.begin());
                }
                idle.push_back(buffer);
            }
        }
        std::free(evicted);
    }

    std::size_t max_idle;
    std::mutex mutex;
    std::vector<Buffer> idle;
};

BufferPool::BufferPool(std::size_t max_idle) : state_(std::make_shared<State>(max_idle)) {
    state_->idle.reserve(max_idle);  // so that give_back, called by destructors, never allocates
}

std::shared_ptr<std::byte> BufferPool::take(std::size_t size) {
    const std::size_t rounded = (size + kAlignment - 1) / kAlignment * kAlignment;
    const Buffer buffer = state_->take(rounded == 0 ? kAlignment : rounded);
    return {buffer.data, [state = state_, buffer](std::byte*) { state->give_back(buffer); }};
}

}  // namespace pypack
