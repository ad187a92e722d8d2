#include "common/permutation.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "common/feistel_vectors.hpp"
#include "common/instructions.hpp"
#include "common/simd.hpp"

namespace pypack {

namespace {

// Indices that are walked together: a round over few of them waits for its own arithmetic.
constexpr std::size_t kBlock = 256;

// The rounds of kLanes blocks side by side: each waits for the one before it, and the processor does not look
// far enough ahead to find the next block's work by itself.
template <std::size_t kLanes>
PYPACK_INLINE void encrypt_lanes(std::uint64_t* blocks, int half_bits, std::uint64_t half_mask,
                                 const std::uint64_t* keys) {
    std::uint64_t left[kLanes];
    std::uint64_t right[kLanes];
    for (std::size_t i = 0; i < kLanes; ++i) {
        left[i] = blocks[i] >> half_bits;
        right[i] = blocks[i] & half_mask;
    }
    // Left and right take turns as the half that is replaced.
    static_assert(Permutation::kRounds % 2 == 0);
    for (int round = 0; round < Permutation::kRounds; round += 2) {
        for (std::size_t i = 0; i < kLanes; ++i) left[i] ^= mix64(right[i] + keys[round]) & half_mask;
        for (std::size_t i = 0; i < kLanes; ++i) right[i] ^= mix64(left[i] + keys[round + 1]) & half_mask;
    }
    for (std::size_t i = 0; i < kLanes; ++i) blocks[i] = (left[i] << half_bits) | right[i];
}

PYPACK_SIMD_CLONES void encrypt_rest(std::uint64_t* blocks, std::size_t n, int half_bits,
                                     std::uint64_t half_mask, const std::uint64_t* keys) {
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) encrypt_lanes<16>(blocks + i, half_bits, half_mask, keys);
    for (; i + 4 <= n; i += 4) encrypt_lanes<4>(blocks + i, half_bits, half_mask, keys);
    for (; i < n; ++i) encrypt_lanes<1>(blocks + i, half_bits, half_mask, keys);
}

void encrypt_all(std::uint64_t* blocks, std::size_t n, int half_bits, std::uint64_t half_mask,
                 const std::uint64_t* keys, [[maybe_unused]] Instructions instructions) {
    std::size_t done = 0;
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) {
        encrypt_avx512(blocks, n, half_bits, half_mask, keys, Permutation::kRounds);
        return;
    }
    if (instructions == Instructions::kAvx2) {
        done = encrypt_avx2(blocks, n, half_bits, half_mask, keys, Permutation::kRounds);
    }
#endif
    encrypt_rest(blocks + done, n - done, half_bits, half_mask, keys);
}

}  // namespace

void Permutation::apply(std::span<std::uint64_t> indices, Instructions instructions) const {
    instructions = resolve(instructions);
    constexpr std::size_t kRoom = kBlock + 8;
    std::array<std::uint64_t, kRoom> walking;  // not cleared: most calls use a few
    std::array<std::uint64_t, kRoom> place;
    for (std::size_t begin = 0; begin < indices.size(); begin += kBlock) {
        const auto block = indices.subspan(begin, std::min(kBlock, indices.size() - begin));
        encrypt_all(block.data(), block.size(), half_bits_, half_mask_, keys_.data(), instructions);
#if PYPACK_X86_DISPATCH
        if (instructions == Instructions::kAvx512) {
            walk_avx512(block.data(), block.size(), size_, half_bits_, half_mask_, keys_.data(), kRounds,
                        walking.data(), place.data());
            continue;
        }
#endif
        std::size_t left = 0;
        for (std::size_t i = 0; i < block.size(); ++i) {
            walking[left] = block[i];
            place[left] = i;
            left += block[i] >= size_ ? 1 : 0;
        }
        while (left > 0) {
            encrypt_all(walking.data(), left, half_bits_, half_mask_, keys_.data(), instructions);
            const std::size_t walked = left;
            left = 0;
            for (std::size_t i = 0; i < walked; ++i) {
                const std::uint64_t image = walking[i];
                const std::uint64_t at = place[i];
                block[at] = image;  // written again while it walks
                walking[left] = image;
                place[left] = at;
                left += image >= size_ ? 1 : 0;
            }
        }
    }
}

}  // namespace pypack
