// Remote files that are read through a cache on this host: they lie in memory as if they were mapped whole,
// and the parts that have come can be read.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "store/remote/cache_layout.hpp"
#include "store/remote/cache_reader.hpp"
#include "store/remote/shared_file.hpp"

namespace pypack {

struct RemoteFile {
    std::int64_t size = 0;
    std::int64_t block_bytes = kSegmentBytes;  // what one checksum covers: a power of two, a segment at most
    std::int64_t read_bytes = 0;               // so much of its beginning is what kernels read
};

// A group of files that came together: those of a store, or of a plan. Thread-safe.
class CachedFiles {
  public:
    // What is readable stays so, and stays where it is, while a lease lasts.
    class Lease {
      public:
        Lease() = default;
        explicit Lease(const CachedFiles* files) : files_(files) {}
        Lease(Lease&& other) noexcept : files_(std::exchange(other.files_, nullptr)) {}
        Lease& operator=(Lease&& other) noexcept {
            std::swap(files_, other.files_);
            return *this;
        }
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;
        ~Lease() {
            if (files_ != nullptr) files_->end_lease();
        }

      private:
        const CachedFiles* files_ = nullptr;
    };

    // `folder`: of the group, with `states` and segments. `number`: of the group, in wants. Throws
    // std::invalid_argument if the states are not of these files.
    CachedFiles(std::string folder, std::uint64_t number, std::vector<RemoteFile> files,
                std::shared_ptr<CacheReader> reader);
    CachedFiles(const CachedFiles&) = delete;
    CachedFiles& operator=(const CachedFiles&) = delete;
    ~CachedFiles();

    [[nodiscard]] std::uint64_t number() const { return number_; }
    [[nodiscard]] std::size_t num_files() const { return files_.size(); }
    [[nodiscard]] const std::shared_ptr<CacheReader>& reader() const { return reader_; }

    // Where a file lies. Of it only what is `readable` may be touched, under a lease.
    [[nodiscard]] std::span<const std::byte> bytes(std::size_t file) const;

    [[nodiscard]] Lease lease() const;

    // Whether everything that kernels read may be read. Under a lease.
    [[nodiscard]] bool complete() const;
    // Whether that was so at the last look, which costs nothing.
    [[nodiscard]] bool was_complete() const { return complete_.load(std::memory_order_relaxed); }
    // Whether this part of what kernels read may be read. Under a lease.
    [[nodiscard]] bool readable(std::span<const std::byte> memory) const;
    // Calls visit(block, there) for the blocks of a part.
    template <typename Visit>
    void for_blocks(std::span<const std::byte> memory, const Visit& visit) const {
        if (memory.empty()) return;
        const auto [first, last] = blocks_of(memory);
        for (std::int64_t block = first; block <= last; ++block)
            visit(block, state(block) == BlockState::present);
    }

    [[nodiscard]] BlockState state(std::int64_t block) const;
    [[nodiscard]] std::uint64_t failures() const;
    // What the fetcher says of a block that it could not get.
    [[nodiscard]] std::string failure(std::int64_t block) const;
    [[nodiscard]] std::int64_t num_blocks() const { return static_cast<std::int64_t>(first_block_.back()); }
    [[nodiscard]] std::int64_t num_present() const;

    // Copies a part of a file, waiting for it. Not under a lease. Throws RemoteError, or Interrupted.
    void copy(std::span<const std::byte> memory, std::byte* out) const;

  private:
    void end_lease() const;
    void let_go_of_stale() const;
    void let_go(std::int64_t segment) const;
    bool map(std::int64_t segment) const;
    [[nodiscard]] bool is_there(std::span<const std::byte> memory) const;
    void map_all() const;
    [[nodiscard]] std::pair<std::int64_t, std::int64_t> blocks_of(std::span<const std::byte> memory) const;
    [[nodiscard]] std::int64_t segment_size(std::int64_t segment) const;
    [[nodiscard]] std::string segment_path(std::int64_t segment) const;
    [[nodiscard]] const StatesHeader& header() const;
    [[nodiscard]] std::uint32_t count(std::int64_t segment) const;

    std::string folder_;
    std::uint64_t number_;
    std::vector<RemoteFile> files_;
    std::shared_ptr<CacheReader> reader_;
    SharedFile states_file_;
    const std::uint32_t* counts_ = nullptr;  // of each segment
    const std::uint8_t* states_ = nullptr;   // of each block
    std::byte* base_ = nullptr;
    std::size_t room_ = 0;
    std::vector<std::int64_t> first_segment_;               // of each file, and the total
    std::vector<std::int64_t> first_block_;                 // alike
    std::vector<std::uint32_t> file_of_;                    // each segment
    std::unique_ptr<std::atomic<std::uint32_t>[]> mapped_;  // the count of the file of each segment; 0: none
    // Under cache_mutex():
    mutable std::vector<std::int64_t> order_;  // mapped segments, oldest first
    mutable std::int64_t leases_ = 0;
    mutable std::uint64_t leases_of_fork_ = 0;
    mutable std::uint64_t seen_evicted_ = 0;
    mutable std::size_t next_look_ = 0;
    mutable std::int64_t next_look_time_ = 0;
    mutable std::atomic<bool> complete_{false};
    mutable std::atomic<std::int64_t> next_count_{0};
    mutable std::atomic<std::int64_t> counted_{-1};  // blocks that were there at the last count
};

// A block that somebody waits for.
struct AwaitedBlock {
    const CachedFiles* files;
    std::int64_t block;
};

// Where a thread waits for blocks and this becomes true, Interrupted is thrown. Null: nothing is looked at.
void stop_waiting_if(const std::atomic<bool>* stop);

// Waits until the blocks are there. `meanwhile` is called now and then. Not under a lease. Throws
// RemoteError for what the storage does not give, Interrupted at a signal.
void wait_for_blocks(std::span<const AwaitedBlock> blocks, CacheReader& reader, std::int64_t due,
                     const std::function<void()>& meanwhile);

}  // namespace pypack
