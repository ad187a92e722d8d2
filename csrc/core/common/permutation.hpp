// A seeded permutation of [0, size) that is evaluated, not stored: O(1) memory at any size.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include "common/instructions.hpp"
#include "common/random.hpp"

namespace pypack {

// A balanced Feistel network over the smallest even number of bits that holds `size`, made a bijection of
// [0, size) by cycle walking (Black and Rogaway 2002, "Ciphers with Arbitrary Finite Domains"). The domain
// is less than 4 x size, so a draw walks less than 4 steps on average. Six rounds of a 64-bit mixer: four
// already pass the uniformity, adjacency and chi-squared tests of
// tests/common/test_permutation.py; two are margin.
class Permutation {
  public:
    static constexpr int kRounds = 6;

    Permutation(std::uint64_t size, std::uint64_t key) : size_(size) {
        const int bits = size <= 2 ? 2 : static_cast<int>(std::bit_width(size - 1));
        half_bits_ = (bits + 1) / 2;
        half_mask_ = (std::uint64_t{1} << half_bits_) - 1;
        for (int round = 0; round < kRounds; ++round) {
            keys_[static_cast<std::size_t>(round)] = combine_keys(key, static_cast<std::uint64_t>(round));
        }
    }

    [[nodiscard]] std::uint64_t size() const { return size_; }

    // Of a block's bits, of which [0, size) takes up most.
    [[nodiscard]] int half_bits() const { return half_bits_; }

    // What a round, by number, mixes of one half of a block into the other.
    [[nodiscard]] std::uint64_t round(int number, std::uint64_t half) const {
        return mix64(half + keys_[static_cast<std::size_t>(number)]) & half_mask_;
    }

    // index must be below size(); the caller checks.
    [[nodiscard]] std::uint64_t operator()(std::uint64_t index) const {
        do {
            index = encrypt(index);
        } while (index >= size_);
        return index;
    }

    // Replaces every index, each below size() (the caller checks), by its image. Several times as fast as one
    // by one: rounds are computed side by side, and the walk of one index is not waited for.
    // Throws std::invalid_argument where the machine lacks the instructions.
    void apply(std::span<std::uint64_t> indices, Instructions instructions = Instructions::kBest) const;

    // The index whose image is `image`, which must be below size(); the caller checks.
    [[nodiscard]] std::uint64_t inverse(std::uint64_t image) const {
        do {
            image = decrypt(image);
        } while (image >= size_);
        return image;
    }

  private:
    [[nodiscard]] std::uint64_t encrypt(std::uint64_t block) const {
        std::uint64_t left = block >> half_bits_;
        std::uint64_t right = block & half_mask_;
        for (const std::uint64_t key : keys_) {
            const std::uint64_t next = left ^ (mix64(right + key) & half_mask_);
            left = right;
            right = next;
        }
        return (left << half_bits_) | right;
    }

    [[nodiscard]] std::uint64_t decrypt(std::uint64_t block) const {
        std::uint64_t left = block >> half_bits_;
        std::uint64_t right = block & half_mask_;
        for (auto key = keys_.rbegin(); key != keys_.rend(); ++key) {
            const std::uint64_t previous = right ^ (mix64(left + *key) & half_mask_);
            right = left;
            left = previous;
        }
        return (left << half_bits_) | right;
    }

    std::uint64_t size_;
    int half_bits_;
    std::uint64_t half_mask_;
    std::array<std::uint64_t, kRounds> keys_;
};

}  // namespace pypack
