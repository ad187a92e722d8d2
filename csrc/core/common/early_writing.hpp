// Files that are written to their disk while they grow, so that little is left for the sync at their end.
#pragma once

#include <cstdint>

namespace pypack {

// Asks the system to begin writing `size` bytes of an open file from `begin` on, and does not wait for it. A
// wish: it changes no content, what goes wrong is told by the sync at the end, and systems that have no such
// call (all but Linux) do nothing.
void begin_writing(int descriptor, std::int64_t begin, std::int64_t size);

}  // namespace pypack
