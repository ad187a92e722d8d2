// Counter-based randomness: a value is a function of (seed, purpose, index), never of the order of calls,
// so that it is the same on every thread, worker and rank.
#pragma once

#include <cstdint>

namespace pypack {

inline constexpr std::uint64_t kMixFirst = 0xbf58476d1ce4e5b9ULL;
inline constexpr std::uint64_t kMixSecond = 0x94d049bb133111ebULL;

// The finalizer of SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators").
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t x) {
    x ^= x >> 30;
    x *= kMixFirst;
    x ^= x >> 27;
    x *= kMixSecond;
    x ^= x >> 31;
    return x;
}

[[nodiscard]] constexpr std::uint64_t combine_keys(std::uint64_t key, std::uint64_t value) {
    return mix64(key + 0x9e3779b97f4a7c15ULL * (value + 1));
}

// The 64 random bits of draw `index` for `purpose` under `seed`.
[[nodiscard]] constexpr std::uint64_t random_bits(std::uint64_t seed, std::uint64_t purpose,
                                                  std::uint64_t index) {
    return combine_keys(combine_keys(mix64(seed + 0x9e3779b97f4a7c15ULL), purpose), index);
}

}  // namespace pypack
