#include "tokenize/models/short_merge.hpp"

#include "common/simd.hpp"

namespace pypack {

PYPACK_SIMD_CLONES std::size_t merge_until_done(const MergeTable& table, std::span<ShortMerge* const> lanes) {
    while (true) {
        for (std::size_t i = 0; i < lanes.size(); ++i) {
            if (!lanes[i]->step(table)) return i;
        }
    }
}

}  // namespace pypack
