// A reader of a cache of remote files: what it tells the host's fetcher, the one process that has a client of
// the object storage. (No such client lives in a process that may fork.)
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/remote/cache_layout.hpp"
#include "store/remote/shared_file.hpp"

namespace pypack {

// What the storage, or the fetcher, has answered instead of bytes.
struct RemoteError final : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Thread-safe. In a forked child it becomes a reader of its own at its first use.
class CacheReader {
  public:
    // `folder`: of the cache, with `readers/`, a pipe `bell`, and `fetcher.lock`, which the fetcher holds
    // while it lives. `command`: starts a fetcher, which ends at once where there is one. Throws RemoteError
    // if the folder cannot be written to.
    CacheReader(std::string folder, std::vector<std::string> command);
    CacheReader(const CacheReader&) = delete;
    CacheReader& operator=(const CacheReader&) = delete;
    ~CacheReader();

    // Says that a block of a group is needed by a time of the clock.
    void want(std::uint64_t group, std::int64_t block, std::int64_t due);
    // Says it again, whatever was said before.
    void want_again(std::uint64_t group, std::int64_t block, std::int64_t due);
    // Says that the file of a segment is not what it was.
    void report_damage(std::uint64_t group, std::int64_t segment);

    // Batches begun.
    [[nodiscard]] std::int64_t clock() const;
    // One more; returns the new time.
    std::int64_t tick();

    // Wakes the fetcher, or starts one if none lives.
    void ring();

  private:
    void write(std::uint64_t group, std::int64_t block, std::int64_t due);
    void be_of_this_process();
    void open();
    void close();
    void start_fetcher();
    [[nodiscard]] WantsHeader& header() const;

    std::string folder_;
    std::vector<std::string> command_;
    std::string path_;
    int descriptor_ = -1;  // holds the lock that tells that the reader lives
    SharedFile wants_;
    std::uint64_t forks_ = 0;
    std::int64_t next_start_ = 0;  // earliest, of a fetcher
    std::vector<int> started_;     // fetchers by this process, to be reaped
    std::unordered_map<std::uint64_t, std::int64_t> last_due_;
};

}  // namespace pypack
