// A 64-bit fingerprint of a list of integers, the same for every integer type that holds them. It tells lists
// apart that differ by accident; it is no defence against intent.
#pragma once

#include <cstdint>
#include <span>

namespace pypack {

[[nodiscard]] std::uint64_t fingerprint(std::span<const std::int32_t> values);
[[nodiscard]] std::uint64_t fingerprint(std::span<const std::int64_t> values);

}  // namespace pypack
