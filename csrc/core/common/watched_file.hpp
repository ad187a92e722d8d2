// Mapped files that someone may cut: what lies behind the new end can be read no more, and trying ends the
// process (SIGBUS). A look at their sizes finds out, before what they hold is read.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pypack {

// A file as it was when it was mapped.
struct WatchedFile {
    std::string path;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::size_t size = 0;

    // Throws std::invalid_argument if the file has been cut since. One that was renamed, replaced or deleted
    // stays mapped as it was.
    void check_not_cut() const;
};

// In nanoseconds, by a clock that goes on every few milliseconds: a loader asks for every batch, which may
// take a few microseconds.
[[nodiscard]] std::int64_t look_clock();

// Nanoseconds between two looks at the same thing that is read: a training step takes longer, so that it is
// looked at once a batch; only batches that are made faster share a look.
inline constexpr std::int64_t kBetweenLooks = 4'000'000;

// When each of several things is to be looked at again: when it is needed, if the last look is older than
// `between`, or than so long that looking takes no more than some hundredths of the time where all of very
// many are needed.
//
// Not at every batch, however small. Measured: 0.9 us a file by its path, 0.29 by fstat and 0.11 by lseek of
// a descriptor that is kept, of which a store of many shards has more than a process may have. A shard is two
// files, a plan five, and a loop over batches of 8 x 2048 takes 10 us each: 2 % more for a store of one shard
// by lseek, 8 % with the plan, 25 to 50 % where the 24 spans of a batch are of as many shards.
class LookTimes {
  public:
    explicit LookTimes(std::size_t count, std::int64_t between = kBetweenLooks);

    // Calls `look`, which throws where something is wrong, if it is time to. Thread-safe.
    template <typename Look>
    void look_if_due(std::size_t which, std::int64_t now, const Look& look) const {
        std::int64_t next = next_[which].load(std::memory_order_relaxed);
        if (now < next) return;
        if (!next_[which].compare_exchange_strong(next, now + between_, std::memory_order_relaxed)) return;
        try {
            look();
        } catch (...) {  // the next one is to find it, too
            next_[which].store(0, std::memory_order_relaxed);
            throw;
        }
    }

  private:
    std::unique_ptr<std::atomic<std::int64_t>[]> next_;
    std::int64_t between_;
};

// Files that are looked at together.
class WatchedFiles {
  public:
    explicit WatchedFiles(std::vector<WatchedFile> files) : files_(std::move(files)), times_(1) {}

    // Throws std::invalid_argument if one is found to have been cut. `now`: of look_clock.
    void look(std::int64_t now) const {
        times_.look_if_due(0, now, [this] {
            for (const WatchedFile& file : files_) file.check_not_cut();
        });
    }

  private:
    std::vector<WatchedFile> files_;
    LookTimes times_;
};

}  // namespace pypack
