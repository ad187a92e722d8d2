#include "common/permutation.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "common/simd.hpp"

namespace pypack {

namespace {

constexpr std::size_t kBlock = 64;

// The rounds are unrolled, so that the compiler puts the loop over the blocks into vector registers.
static_assert(Permutation::kRounds == 6);

PYPACK_SIMD_CLONES void encrypt_all(std::uint64_t* __restrict blocks, std::size_t n, int half_bits,
                                    std::uint64_t half_mask, const std::uint64_t* __restrict keys) {
    const std::uint64_t k0 = keys[0], k1 = keys[1], k2 = keys[2], k3 = keys[3], k4 = keys[4], k5 = keys[5];
    for (std::size_t i = 0; i < n; ++i) {
        // Left and right take turns as the half that is replaced.
        std::uint64_t left = blocks[i] >> half_bits;
        std::uint64_t right = blocks[i] & half_mask;
        left ^= mix64(right + k0) & half_mask;
        right ^= mix64(left + k1) & half_mask;
        left ^= mix64(right + k2) & half_mask;
        right ^= mix64(left + k3) & half_mask;
        left ^= mix64(right + k4) & half_mask;
        right ^= mix64(left + k5) & half_mask;
        blocks[i] = (left << half_bits) | right;
    }
}

}  // namespace

void Permutation::apply(std::span<std::uint64_t> indices) const {
    std::array<std::uint64_t, kBlock> walking{};
    std::array<std::size_t, kBlock> place{};
    for (std::size_t begin = 0; begin < indices.size(); begin += kBlock) {
        const auto block = indices.subspan(begin, std::min(kBlock, indices.size() - begin));
        encrypt_all(block.data(), block.size(), half_bits_, half_mask_, keys_.data());
        std::size_t left = 0;
        for (std::size_t i = 0; i < block.size(); ++i) {
            walking[left] = block[i];
            place[left] = i;
            left += block[i] >= size_ ? 1 : 0;
        }
        while (left > 0) {
            encrypt_all(walking.data(), left, half_bits_, half_mask_, keys_.data());
            const std::size_t walked = left;
            left = 0;
            for (std::size_t i = 0; i < walked; ++i) {
                const std::uint64_t image = walking[i];
                const std::size_t at = place[i];
                block[at] = image;  // written again while it walks
                walking[left] = image;
                place[left] = at;
                left += image >= size_ ? 1 : 0;
            }
        }
    }
}

void permute_range(const Permutation& permutation, std::uint64_t start, std::span<std::int64_t> out) {
    // int64 and uint64 may stand for one another; the images are below 2^63, as sizes are.
    const std::span<std::uint64_t> images(reinterpret_cast<std::uint64_t*>(out.data()), out.size());
    for (std::size_t i = 0; i < images.size(); ++i) images[i] = start + i;
    permutation.apply(images);
}

}  // namespace pypack
