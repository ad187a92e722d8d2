// One lock for all that a process keeps of its caches, and how often the process has been forked: whoever
// forks holds the lock, so that a child never finds it taken.
#pragma once

#include <cstdint>
#include <mutex>

namespace pypack {

[[nodiscard]] std::mutex& cache_mutex();

// Goes up in every forked child.
[[nodiscard]] std::uint64_t forks();

}  // namespace pypack
