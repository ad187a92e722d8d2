#include "common/hash_key.hpp"

#include <random>

namespace pypack {

namespace {

HashKey draw_key() {
    std::random_device source;
    const auto draw = [&source] { return std::uint64_t{source()} << 32 | source(); };
    const std::uint64_t start = draw();
    return {start, draw() | 1};
}

}  // namespace

const HashKey kHashKey = draw_key();

}  // namespace pypack
