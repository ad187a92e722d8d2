#include "common/sequence_hash.hpp"

#include <cstddef>

namespace pypack {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t kPrime = (std::uint64_t{1} << 61) - 1;
// Terms between two reductions: each is below 2^94, eight of them and one product of 122 bits fit into 128.
constexpr std::size_t kTerms = 8;

std::uint64_t reduced(Wide value) {
    // 2^61 is 1 modulo the prime, so the parts above and below that bit add up.
    const auto folded = (value & kPrime) + (value >> 61);  // below 2^68
    const auto rest = static_cast<std::uint64_t>(folded & kPrime) + static_cast<std::uint64_t>(folded >> 61);
    return rest >= kPrime ? rest - kPrime : rest;
}

std::uint64_t hash_at(std::uint64_t point, std::span<const std::int32_t> lengths) {
    std::array<std::uint64_t, kTerms + 1> powers{1};
    for (std::size_t i = 1; i <= kTerms; ++i) powers[i] = reduced(Wide{powers[i - 1]} * point);
    std::uint64_t hash = 0;
    std::size_t i = 0;
    const auto term = [&](std::size_t at) {
        return static_cast<std::uint32_t>(lengths[at]) + std::uint64_t{1};
    };
    for (; i + kTerms <= lengths.size(); i += kTerms) {
        Wide sum = Wide{hash} * powers[kTerms];
        for (std::size_t k = 0; k < kTerms; ++k) sum += Wide{term(i + k)} * powers[kTerms - 1 - k];
        hash = reduced(sum);
    }
    for (; i < lengths.size(); ++i) hash = reduced(Wide{hash} * point + term(i));
    return hash;
}

}  // namespace

std::array<std::uint64_t, 2> sequence_hash(std::span<const std::int32_t> lengths) {
    return {hash_at(kHashPoints[0], lengths), hash_at(kHashPoints[1], lengths)};
}

}  // namespace pypack
