// A 64-bit fingerprint of a list of integers, the same for every integer type that holds them. It tells lists
// apart that differ by accident; it is no defence against intent.
#pragma once

#include <cstdint>
#include <span>

#include "common/random.hpp"

namespace pypack {

// A sum over positions, so that the compiler vectorizes it and parts can be added in any order.
template <typename Integer>
[[nodiscard]] std::uint64_t fingerprint(std::span<const Integer> values) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto value = static_cast<std::uint64_t>(static_cast<std::int64_t>(values[i]));
        sum += mix64(value + 0x9e3779b97f4a7c15ULL * (i + 1));
    }
    return combine_keys(sum, values.size());
}

}  // namespace pypack
