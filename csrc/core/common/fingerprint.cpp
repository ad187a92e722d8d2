#include "common/fingerprint.hpp"

#include "common/random.hpp"
#include "common/simd.hpp"

namespace pypack {

namespace {

// A sum over positions: parts can be added in any order, so the compiler vectorizes it. The key of a position
// is a multiple of its number, by addition, since vectors have no multiplication of 64 bits before AVX-512.
template <typename Integer>
PYPACK_INLINE std::uint64_t sum_of(const Integer* values, std::size_t size) {
    std::uint64_t sum = 0;
    std::uint64_t key = 0;
    for (std::size_t i = 0; i < size; ++i) {
        key += 0x9e3779b97f4a7c15ULL;
        sum += mix64(static_cast<std::uint64_t>(static_cast<std::int64_t>(values[i])) + key);
    }
    return sum;
}

PYPACK_SIMD_CLONES std::uint64_t sum_narrow(const std::int32_t* values, std::size_t size) {
    return sum_of(values, size);
}

PYPACK_SIMD_CLONES std::uint64_t sum_wide(const std::int64_t* values, std::size_t size) {
    return sum_of(values, size);
}

}  // namespace

std::uint64_t fingerprint(std::span<const std::int32_t> values) {
    return combine_keys(sum_narrow(values.data(), values.size()), values.size());
}

std::uint64_t fingerprint(std::span<const std::int64_t> values) {
    return combine_keys(sum_wide(values.data(), values.size()), values.size());
}

}  // namespace pypack
