#include "objective/chosen_bits.hpp"

#include <bit>
#include <cstring>

#include "common/random.hpp"
#include "common/simd.hpp"
#include "objective/draws.hpp"

namespace pypack {

namespace {

constexpr std::int64_t kWords = kChosenBlock / 64;
constexpr std::int64_t kDraws = kChosenBlock / 4;  // four tokens share a draw, sixteen bits each

struct Compared {
    std::uint64_t below[kWords];
    std::uint64_t equal[kWords];
};

// Eight bytes that are 0 or 1 as eight bits.
std::uint64_t bits_of(const std::uint8_t* flags) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, flags, sizeof eight);
    return (eight * 0x0102040810204080ULL) >> 56;
}

// The sixteen bits of every token beside `limit`. Loops that compilers vectorize: 64 draws, then 256 numbers.
PYPACK_SIMD_CLONES
void compare(std::uint64_t draws, std::uint64_t first_draw, std::uint16_t limit, std::int64_t words,
             Compared& out) {
    std::uint64_t bits[kDraws];
    const std::uint64_t start = draws + 0x9e3779b97f4a7c15ULL * (first_draw + 1);
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(16 * words); ++i) {
        bits[i] = mix64(start + 0x9e3779b97f4a7c15ULL * i);
    }
    std::uint16_t numbers[kChosenBlock];
    if constexpr (std::endian::native == std::endian::little) {
        std::memcpy(numbers, bits, static_cast<std::size_t>(words) * 128);
    } else {
        for (std::int64_t i = 0; i < 64 * words; ++i) {
            numbers[i] = static_cast<std::uint16_t>(bits[i / 4] >> (16 * (i % 4)));
        }
    }
    std::uint8_t below[kChosenBlock];
    std::uint8_t equal[kChosenBlock];
    for (std::int64_t i = 0; i < 64 * words; ++i) below[i] = numbers[i] < limit ? 1 : 0;
    for (std::int64_t i = 0; i < 64 * words; ++i) equal[i] = numbers[i] == limit ? 1 : 0;
    for (std::int64_t word = 0; word < words; ++word) {
        out.below[word] = out.equal[word] = 0;
        for (std::int64_t byte = 0; byte < 8; ++byte) {
            out.below[word] |= bits_of(below + 64 * word + 8 * byte) << (8 * byte);
            out.equal[word] |= bits_of(equal + 64 * word + 8 * byte) << (8 * byte);
        }
    }
}

}  // namespace

Chances::Chances(std::uint64_t span_key, std::uint64_t chance)
    : draws_(draws_for(span_key, Purpose::kChoose)),
      ties_(draws_for(span_key, Purpose::kTie)),
      chance_(chance) {}

void Chances::choose(std::int64_t first, std::int64_t count, std::uint64_t* bits) const {
    const std::int64_t words = (count + 63) / 64;
    if (chance_ >> 32 != 0) {
        std::memset(bits, 0xff, static_cast<std::size_t>(words) * sizeof *bits);
    } else {
        Compared compared;
        const auto limit = static_cast<std::uint16_t>(chance_ >> 16);
        compare(draws_, static_cast<std::uint64_t>(first / 4), limit, words, compared);
        for (std::int64_t word = 0; word < words; ++word) {
            bits[word] = compared.below[word];
            // Sixteen bits alone would round the chance; where they are equal (one token in 65,536), sixteen
            // more decide.
            for (std::uint64_t equal = compared.equal[word]; equal != 0; equal &= equal - 1) {
                const int bit = std::countr_zero(equal);
                const auto token = static_cast<std::uint64_t>(first + 64 * word + bit);
                if ((combine_keys(ties_, token) & 0xffff) < (chance_ & 0xffff)) {
                    bits[word] |= std::uint64_t{1} << bit;
                }
            }
        }
    }
    if (count % 64 != 0) bits[words - 1] &= (std::uint64_t{1} << (count % 64)) - 1;
}

}  // namespace pypack
