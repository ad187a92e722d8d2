#include "common/watched_file.hpp"

#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace pypack {

namespace {

constexpr std::int64_t kTimeOfEach = 150'000;  // of which a look takes 2,000

}  // namespace

void WatchedFile::check_not_cut() const {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return;
    if (status.st_dev != device || status.st_ino != inode) return;
    if (static_cast<std::size_t>(status.st_size) >= size) return;
    throw std::invalid_argument(
        path + ": was cut from " + std::to_string(size) + " to " + std::to_string(status.st_size) +
        " bytes while it was open; stop what writes to it, mend it, and open it anew");
}

std::int64_t look_clock() {
#ifdef CLOCK_MONOTONIC_COARSE
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
#else
    return std::chrono::steady_clock::now().time_since_epoch().count();
#endif
}

LookTimes::LookTimes(std::size_t count, std::int64_t between)
    : next_(std::make_unique<std::atomic<std::int64_t>[]>(count)),
      between_(std::max(between, kTimeOfEach * static_cast<std::int64_t>(count))) {}

}  // namespace pypack
