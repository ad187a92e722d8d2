// A fingerprint of a list of lengths that can be had from those of its parts, wherever the list is cut.
//
// The list l[0..n) is the polynomial sum of (l[i] + 1) * r^(n-1-i) modulo the prime 2^61 - 1, at two points
// r. A list behind another: hash(a b) = hash(a) * r^len(b) + hash(b). It tells lists apart that differ by
// accident (by chance 2^-122 times their length squared); it is no defence against intent.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace pypack {

// The two points, of the digits of nothing in particular, both below 2^61 - 1.
inline constexpr std::array<std::uint64_t, 2> kHashPoints = {0x0d1f3c6b5a924e87ULL, 0x17a9e2048c5db631ULL};

[[nodiscard]] std::array<std::uint64_t, 2> sequence_hash(std::span<const std::int32_t> lengths);

// That of a list and another one of `size` lengths behind it.
[[nodiscard]] std::array<std::uint64_t, 2> joined_hash(const std::array<std::uint64_t, 2>& first,
                                                       const std::array<std::uint64_t, 2>& second,
                                                       std::uint64_t size);

}  // namespace pypack
