#include "batch/read_ahead.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "batch/row_memory.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace pypack {

namespace {

// Bytes. A disk reads a large piece in about the time that a step of 8 rows takes to be read in small ones.
constexpr std::size_t kFirstPiece = std::size_t{64} << 10;
constexpr std::size_t kLargestPiece = std::size_t{4} << 20;

void will_need(std::span<const std::byte> memory) {
#if defined(__unix__) || defined(__APPLE__)
    if (memory.empty()) return;
    static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto begin = reinterpret_cast<std::uintptr_t>(memory.data()) / page * page;
    const auto end = reinterpret_cast<std::uintptr_t>(memory.data()) + memory.size();
    // Advice only: an error means that nothing is read ahead, for example for memory that is no file's.
    (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_WILLNEED);
#else
    (void)memory;
#endif
}

}  // namespace

ReadAhead::ReadAhead(std::span<const SequenceSource> sources, bool whole)
    : sources_(sources), whole_(whole), piece_(kFirstPiece) {
    if (!whole) return;
    // Sources may share a store; asking for it again costs little, as it is in memory by then.
    for (const SequenceSource& source : sources) {
        const PlanView& plan = source.plan;
        for (const Shard& shard : source.store->shards()) {
            files_.push_back(shard.token_bytes());
            files_.push_back(shard.index_bytes());
        }
        files_.push_back(std::as_bytes(plan.span_length));
        files_.push_back(std::as_bytes(plan.span_start));
        files_.push_back(std::as_bytes(plan.span_document));
        files_.push_back(std::as_bytes(plan.sequence_offsets));
    }
}

void ReadAhead::go_on() {
    std::span<const std::byte> piece;
    {
        const std::lock_guard lock(mutex_);
        if (files_.empty()) return;
        std::span<const std::byte>& file = files_.back();
        piece = file.first(std::min(piece_, file.size()));
        file = file.subspan(piece.size());
        if (file.empty()) files_.pop_back();
        piece_ = std::min(kLargestPiece, piece_ + piece_ / 8);
    }
    will_need(piece);
}

bool ReadAhead::done() const {
    const std::lock_guard lock(mutex_);
    return whole_ && files_.empty();
}

void ReadAhead::rows(std::span<const RowRef> rows) const {
    if (done()) return;
    std::vector<ShardPool::Lease> leases;
    for (const SequenceSource& source : sources_) leases.push_back(source.store->lease());
    for_memory_of_rows(sources_, rows, look_clock(),
                       [](const CachedFiles* files, std::span<const std::byte> memory, bool) {
                           if (files == nullptr) will_need(memory);
                           return files == nullptr;
                       });
}

}  // namespace pypack
