#include "common/early_writing.hpp"

#ifdef __linux__
#include <fcntl.h>
#endif

namespace pypack {

void begin_writing([[maybe_unused]] int descriptor, [[maybe_unused]] std::int64_t begin,
                   [[maybe_unused]] std::int64_t size) {
#ifdef __linux__
    // Without a flag to wait it takes no error away from a later fsync.
    (void)sync_file_range(descriptor, begin, size, SYNC_FILE_RANGE_WRITE);
#endif
}

}  // namespace pypack
