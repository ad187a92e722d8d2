#include "common/tabled_permutation.hpp"

#include <algorithm>
#include <array>

namespace pypack {

namespace {

constexpr std::size_t kBlock = 256;  // indices that are walked together, as by Permutation::apply

}  // namespace

TabledPermutation::TabledPermutation(const Permutation& permutation)
    : size_(static_cast<std::uint32_t>(permutation.size())), half_bits_(permutation.half_bits()) {
    const std::uint64_t halves = std::uint64_t{1} << half_bits_;
    rounds_.reserve(Permutation::kRounds * halves);
    for (int round = 0; round < Permutation::kRounds; ++round) {
        for (std::uint64_t half = 0; half < halves; ++half) {
            rounds_.push_back(static_cast<std::uint16_t>(permutation.round(round, half)));
        }
    }
}

// Images of the blocks that next(0), next(1), ... give, which may lie outside of the size. A loop that does
// nothing else: the processor then has several blocks on their way through the tables at a time.
template <typename Next>
void TabledPermutation::encrypt_all(std::size_t n, Next&& next, std::uint32_t* images) const {
    static_assert(Permutation::kRounds == 6);
    const int half_bits = half_bits_;
    const std::uint32_t mask = (std::uint32_t{1} << half_bits) - 1;
    const std::size_t halves = std::size_t{1} << half_bits;
    const std::uint16_t* const r0 = rounds_.data();
    const std::uint16_t* const r1 = r0 + halves;
    const std::uint16_t* const r2 = r1 + halves;
    const std::uint16_t* const r3 = r2 + halves;
    const std::uint16_t* const r4 = r3 + halves;
    const std::uint16_t* const r5 = r4 + halves;
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t block = next(i);
        std::uint32_t left = block >> half_bits;
        std::uint32_t right = block & mask;
        left ^= r0[right];
        right ^= r1[left];
        left ^= r2[right];
        right ^= r3[left];
        left ^= r4[right];
        right ^= r5[left];
        images[i] = (left << half_bits) | right;
    }
}

void TabledPermutation::apply(std::span<std::uint64_t> indices) const {
    std::array<std::uint32_t, kBlock> images;  // not cleared: most calls use a few
    std::array<std::uint32_t, kBlock> walking;
    std::array<std::uint32_t, kBlock> place;
    for (std::size_t begin = 0; begin < indices.size(); begin += kBlock) {
        const auto block = indices.subspan(begin, std::min(kBlock, indices.size() - begin));
        encrypt_all(
            block.size(), [&](std::size_t i) { return static_cast<std::uint32_t>(block[i]); }, images.data());
        std::size_t left = 0;
        for (std::size_t i = 0; i < block.size(); ++i) {
            block[i] = walking[left] = images[i];
            place[left] = static_cast<std::uint32_t>(i);
            left += images[i] >= size_ ? 1 : 0;
        }
        while (left > 0) {
            encrypt_all(left, [&](std::size_t i) { return walking[i]; }, images.data());
            const std::size_t walked = left;
            left = 0;
            for (std::size_t i = 0; i < walked; ++i) {
                const std::uint32_t at = place[i];
                block[at] = walking[left] = images[i];  // written again while it walks
                place[left] = at;
                left += images[i] >= size_ ? 1 : 0;
            }
        }
    }
}

}  // namespace pypack
