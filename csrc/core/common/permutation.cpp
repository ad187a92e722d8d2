#include "common/permutation.hpp"

namespace pypack {

void permute_range(const Permutation& permutation, std::uint64_t start, std::span<std::int64_t> out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = static_cast<std::int64_t>(permutation(start + i));
    }
}

}  // namespace pypack
