// A key that is drawn anew in every process, for hashes of what others have written: without knowing it,
// nobody can make up many strings of one hash, which would turn a table into a list.
#pragma once

#include <cstdint>

namespace pypack {

struct HashKey {
    std::uint64_t start;
    std::uint64_t factor;  // odd
};

extern const HashKey kHashKey;

}  // namespace pypack
