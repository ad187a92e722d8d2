// A permutation of [0, size) that spreads neighbours: i -> (step * i + shift) mod size, with a step near the
// golden section of size. Indices that are mapped to neighbours are about size / 2.2 apart at least, since no
// number is worse approximated by fractions than the golden section. A random permutation spreads less
// evenly, and would cost more than the packing itself (the Feistel network of common/permutation.hpp takes 50
// ns a draw).
#pragma once

#include <cstdint>
#include <numeric>
#include <utility>

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

    // i -> i.
    [[nodiscard]] static GoldenStride none(std::int64_t size) {
        GoldenStride stride;
        stride.size_ = static_cast<std::uint64_t>(size);
        stride.step_ = size > 1 ? 1 : 0;
        return stride;
    }

    [[nodiscard]] std::int64_t at(std::int64_t i) const {
        const auto product = static_cast<Wide>(step_) * static_cast<std::uint64_t>(i) + shift_;
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(product % size_));
    }

    // The permutation back: inverse().at(at(i)) == i.
    [[nodiscard]] GoldenStride inverse() const {
        GoldenStride back;
        back.size_ = size_;
        if (size_ < 2) return back;
        // Euclid's algorithm for step_ and size_, with the factor of step_ alone.
        auto factor = std::int64_t{1};
        auto next_factor = std::int64_t{0};
        auto rest = static_cast<std::int64_t>(step_);
        auto next_rest = static_cast<std::int64_t>(size_);
        while (next_rest != 0) {
            const std::int64_t quotient = rest / next_rest;
            factor = std::exchange(next_factor, factor - quotient * next_factor);
            rest = std::exchange(next_rest, rest - quotient * next_rest);
        }
        back.step_ =
            static_cast<std::uint64_t>(factor < 0 ? factor + static_cast<std::int64_t>(size_) : factor);
        back.shift_ = static_cast<std::uint64_t>(static_cast<Wide>(size_ - shift_) * back.step_ % size_);
        return back;
    }

    // at(i + 1) from at(i).
    [[nodiscard]] std::int64_t next(std::int64_t image) const { return moved(image, step()); }

    // at(i + n) from at(i), by times(n); n may be below 0.
    [[nodiscard]] std::int64_t moved(std::int64_t image, std::int64_t by) const {
        const std::uint64_t sum = static_cast<std::uint64_t>(image) + static_cast<std::uint64_t>(by);
        return static_cast<std::int64_t>(sum >= size_ ? sum - size_ : sum);
    }
    [[nodiscard]] std::int64_t times(std::int64_t n) const {
        if (size_ == 0) return 0;
        const auto size = static_cast<std::int64_t>(size_);
        const auto positive = static_cast<std::uint64_t>((n % size + size) % size);
        return static_cast<std::int64_t>(
            static_cast<std::uint64_t>(static_cast<Wide>(step_) * positive % size_));
    }

    // Calls put(at(i), i) for i in [begin, end): four that do not wait for one another at a time.
    template <typename Put>
    void each(std::int64_t begin, std::int64_t end, Put&& put) const {
        std::int64_t image = at(begin);
        if (end - begin >= 8) {
            const std::int64_t by = times(4);
            std::int64_t second = next(image);
            std::int64_t third = next(second);
            std::int64_t fourth = next(third);
            for (; begin + 4 <= end; begin += 4) {
                put(image, begin);
                put(second, begin + 1);
                put(third, begin + 2);
                put(fourth, begin + 3);
                image = moved(image, by);
                second = moved(second, by);
                third = moved(third, by);
                fourth = moved(fourth, by);
            }
        }
        for (; begin < end; ++begin, image = next(image)) put(image, begin);
    }

    [[nodiscard]] std::int64_t step() const { return static_cast<std::int64_t>(step_); }

  private:
    __extension__ using Wide = unsigned __int128;

    std::uint64_t size_ = 0;
    std::uint64_t step_ = 0;
    std::uint64_t shift_ = 0;
};

}  // namespace pypack
