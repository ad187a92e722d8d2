// Rows whose files are remote: what of them is there, and what is asked for before it is needed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "batch/sequence_source.hpp"
#include "store/remote/cached_files.hpp"

namespace pypack {

// The files that sources are cached in, each group once; none where all are of this host.
[[nodiscard]] std::vector<std::shared_ptr<const CachedFiles>> cached_groups(
    std::span<const SequenceSource> sources);

// Belongs to one maker of batches. Thread-safe.
class RemoteRows {
  public:
    RemoteRows(std::span<const SequenceSource> sources, std::shared_ptr<CacheReader> reader);

    [[nodiscard]] CacheReader& reader() const { return *reader_; }

    // Everything is there: nothing is to be asked for.
    [[nodiscard]] bool complete() const;

    // Whether that was so when the last batch was made.
    [[nodiscard]] bool was_complete() const {
        return std::all_of(groups_.begin(), groups_.end(),
                           [](const auto& one) { return one->was_complete(); });
    }

    // Says what the rows of a coming batch need, `batches` after the one that was begun last. It waits for
    // nothing: what stands in blocks that are not there yet is found when they have come.
    void plan(std::vector<RowRef> rows, std::int64_t batches);
    // Goes on with rows of which not all was known.
    void go_on();

    // Calls make() when all that the rows need is readable, under leases that keep it so. Throws as
    // wait_for_blocks does.
    template <typename Make>
    auto when_there(std::span<const RowRef> rows, const Make& make) {
        const std::int64_t now = reader_->tick();
        while (true) {
            std::vector<AwaitedBlock> missing;
            {
                const std::vector<CachedFiles::Lease> leases = lease_all();
                if (complete() || is_there(rows, missing)) return make();
            }
            wait_for_blocks(missing, *reader_, now, [&] {
                lease_all();  // and let go of what has been evicted, which takes room on a full disk until
                              // then
                go_on();
            });
        }
    }

    // The same for some memory of the plan of one source, that `visit` names by calling its argument with it.
    template <typename Visit, typename Make>
    auto when_plan_there(const Visit& visit, const Make& make) {
        while (true) {
            std::vector<AwaitedBlock> missing;
            {
                const std::vector<CachedFiles::Lease> leases = lease_all();
                bool there = true;
                visit([&](const CachedFiles* files, std::span<const std::byte> memory) {
                    const bool is_here = files == nullptr || files->readable(memory);
                    if (!is_here) add_missing(*files, memory, missing);
                    there = there && is_here;
                    return is_here;
                });
                if (there) return make();
            }
            wait_for_blocks(missing, *reader_, reader_->clock(), [&] { lease_all(); });
        }
    }

  private:
    struct Planned {
        std::vector<RowRef> rows;
        std::int64_t due;
    };

    std::vector<CachedFiles::Lease> lease_all() const;
    static void add_missing(const CachedFiles& files, std::span<const std::byte> memory,
                            std::vector<AwaitedBlock>& missing);
    [[nodiscard]] bool is_there(std::span<const RowRef> rows, std::vector<AwaitedBlock>& missing) const;
    // Asks for a block, unless it was asked for not long ago for about the same time.
    void want(const CachedFiles& files, std::int64_t block, std::int64_t due);
    // Wakes the fetcher, but not for each of many steps.
    void ring();
    // Whether all was known; `asked` becomes true where something is not there.
    [[nodiscard]] bool ask(const Planned& planned, bool& asked);

    std::span<const SequenceSource> sources_;
    std::vector<std::shared_ptr<const CachedFiles>> groups_;
    std::shared_ptr<CacheReader> reader_;
    std::mutex mutex_;             // of what follows
    std::deque<Planned> unknown_;  // the soonest first
    std::int64_t next_try_ = 0;
    // What was wanted last, by blocks: rows ask for the same ones over and over, of which the reader need not
    // be told, as it has a lock.
    struct Wanted {
        const CachedFiles* files = nullptr;
        std::int64_t block = 0;
        std::int64_t due = 0;
    };
    std::vector<Wanted> wanted_;
    std::uint64_t wanted_of_fork_ = 0;
    bool is_silent_ = false;  // something was asked for, and the fetcher not woken
    std::int64_t next_ring_ = 0;
};

}  // namespace pypack
