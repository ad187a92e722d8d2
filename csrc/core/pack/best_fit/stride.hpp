// A permutation of [0, size) that spreads neighbours: i -> (step * i + shift) mod size, with a step near the
// golden section of size. Indices that are mapped to neighbours are about size / 2.2 apart at least, since no
// number is worse approximated by fractions than the golden section. A random permutation spreads less
// evenly, and would cost more than the packing itself (the Feistel network of common/permutation.hpp takes 50
// ns a draw).
#pragma once

#include <cstdint>
#include <numeric>

namespace pypack {

class GoldenStride {
  public:
    GoldenStride() = default;

    // `bits` are random and choose the shift.
    GoldenStride(std::int64_t size, std::uint64_t bits) : size_(static_cast<std::uint64_t>(size)) {
        if (size_ == 0) return;
        shift_ = bits % size_;
        const auto golden = static_cast<std::uint64_t>(0.6180339887498949 * static_cast<double>(size_));
        for (std::uint64_t away = 0;; ++away) {
            if (std::gcd(golden + away, size_) == 1) {
                step_ = (golden + away) % size_;
                return;
            }
        }
    }

    [[nodiscard]] std::int64_t at(std::int64_t i) const {
        const auto product = static_cast<Wide>(step_) * static_cast<std::uint64_t>(i) + shift_;
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(product % size_));
    }

    // at(i + 1) from at(i).
    [[nodiscard]] std::int64_t next(std::int64_t image) const {
        const std::uint64_t sum = static_cast<std::uint64_t>(image) + step_;
        return static_cast<std::int64_t>(sum >= size_ ? sum - size_ : sum);
    }

  private:
    __extension__ using Wide = unsigned __int128;

    std::uint64_t size_ = 0;
    std::uint64_t step_ = 0;
    std::uint64_t shift_ = 0;
};

}  // namespace pypack
