// The ids of chunks that several threads encode, one behind another in one array.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "common/buffer.hpp"
#include "common/types.hpp"

namespace pypack {

// Where a chunk belongs is known once all before it have been encoded, mostly at once: its ids are copied
// while they are in the cache of the core that made them, and the memory that they leave takes those of the
// next chunk. (Copied all at the end, words that had been met took two threads 3 % longer.)
class JoinedIds {
  public:
    // room: an empty buffer; what it has no room for waits for finish().
    JoinedIds(std::size_t num_chunks, Buffer<TokenId> room)
        : ids_(std::move(room)), counts_(num_chunks, kUnknown), starts_(num_chunks + 1, 0) {}

    // Thread-safe. Says, once, how many ids chunk i has.
    void set_count(std::size_t i, Offset count) {
        const std::lock_guard lock(mutex_);
        counts_[i] = count;
        std::size_t known = known_.load(std::memory_order_relaxed);
        for (; known < counts_.size() && counts_[known] != kUnknown; ++known) {
            starts_[known + 1] = starts_[known] + counts_[known];
        }
        known_.store(known, std::memory_order_release);
    }

    // Thread-safe. Copies the ids of chunk i into their place, unless that is not known yet or has no room.
    [[nodiscard]] bool write(std::size_t i, std::span<const TokenId> ids) {
        if (i > known_.load(std::memory_order_acquire)) return false;
        const Offset end = starts_[i] + static_cast<Offset>(ids.size());
        if (end > ids_.capacity()) return false;
        if (!ids.empty()) std::memcpy(ids_.data() + starts_[i], ids.data(), ids.size_bytes());
        return true;
    }

    // Of a chunk that was written.
    [[nodiscard]] Offset start(std::size_t i) const { return starts_[i]; }

    // When all counts are set, and no thread writes: from then on there is room for all.
    void finish() {
        ids_.resize(std::min(ids_.capacity(), starts_.back()));
        ids_.resize(starts_.back());
    }

    [[nodiscard]] Offset size() const { return ids_.size(); }
    [[nodiscard]] Buffer<TokenId> take() { return std::move(ids_); }

  private:
    static constexpr Offset kUnknown = -1;

    Buffer<TokenId> ids_;
    std::mutex mutex_;
    std::vector<Offset> counts_;
    std::vector<Offset> starts_;         // known for the first known_ + 1
    std::atomic<std::size_t> known_{0};  // so many counts at the start are set
};

}  // namespace pypack
