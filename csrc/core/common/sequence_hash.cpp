#include "common/sequence_hash.hpp"

#include <array>
#include <cstddef>

#include "common/simd.hpp"

namespace pypack {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t kPrime = (std::uint64_t{1} << 61) - 1;
// A block is summed before it is reduced, each power in three parts of so many bits: products with terms of
// 32 bits have 53 at most, and 2048 of them would fit into 64. The compiler makes vectors of that.
constexpr int kPartBits = 21;
constexpr std::uint64_t kPartMask = (std::uint64_t{1} << kPartBits) - 1;
constexpr std::size_t kBlock = 256;

std::uint64_t reduced(Wide value) {
    // 2^61 is 1 modulo the prime, so the parts above and below that bit add up.
    const auto folded = (value & kPrime) + (value >> 61);  // below 2^68
    const auto rest = static_cast<std::uint64_t>(folded & kPrime) + static_cast<std::uint64_t>(folded >> 61);
    return rest >= kPrime ? rest - kPrime : rest;
}

// What the terms of a block are multiplied by, the last by 1, and the power behind them.
struct Powers {
    explicit Powers(std::uint64_t of) : point(of) {
        std::uint64_t power = 1;
        for (std::size_t i = kBlock; i-- > 0; power = reduced(Wide{power} * point)) {
            low[i] = static_cast<std::uint32_t>(power & kPartMask);
            middle[i] = static_cast<std::uint32_t>(power >> kPartBits & kPartMask);
            high[i] = static_cast<std::uint32_t>(power >> (2 * kPartBits));
        }
        of_block = power;
    }

    std::uint64_t point;
    std::uint64_t of_block = 0;
    std::array<std::uint32_t, kBlock> low, middle, high;
};

PYPACK_SIMD_CLONES std::uint64_t block_sum(const Powers& powers, const std::int32_t* lengths) {
    std::uint64_t low = 0;
    std::uint64_t middle = 0;
    std::uint64_t high = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
        const std::uint64_t term = static_cast<std::uint32_t>(lengths[i]) + std::uint32_t{1};
        low += term * powers.low[i];
        middle += term * powers.middle[i];
        high += term * powers.high[i];
    }
    return reduced(Wide{low} + (Wide{middle} << kPartBits) + (Wide{high} << (2 * kPartBits)));
}

std::uint64_t hash_at(const Powers& powers, std::span<const std::int32_t> lengths) {
    std::uint64_t hash = 0;
    std::size_t i = 0;
    for (; i + kBlock <= lengths.size(); i += kBlock) {
        hash = reduced(Wide{hash} * powers.of_block + block_sum(powers, lengths.data() + i));
    }
    for (; i < lengths.size(); ++i) {
        const std::uint64_t term = static_cast<std::uint32_t>(lengths[i]) + std::uint64_t{1};
        hash = reduced(Wide{hash} * powers.point + term);
    }
    return hash;
}

}  // namespace

std::array<std::uint64_t, 2> sequence_hash(std::span<const std::int32_t> lengths) {
    static const Powers first(kHashPoints[0]);
    static const Powers second(kHashPoints[1]);
    return {hash_at(first, lengths), hash_at(second, lengths)};
}

std::array<std::uint64_t, 2> joined_hash(const std::array<std::uint64_t, 2>& first,
                                         const std::array<std::uint64_t, 2>& second, std::uint64_t size) {
    std::array<std::uint64_t, 2> joined = first;
    for (std::size_t i = 0; i < joined.size(); ++i) {
        std::uint64_t square = kHashPoints[i];
        for (std::uint64_t rest = size; rest != 0; rest >>= 1) {
            if (rest % 2 != 0) joined[i] = reduced(Wide{joined[i]} * square);
            square = reduced(Wide{square} * square);
        }
        joined[i] = reduced(Wide{joined[i]} + second[i]);
    }
    return joined;
}

}  // namespace pypack
