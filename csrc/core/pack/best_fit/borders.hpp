// A set of sequences as bits, so that it need not be sorted, with the rank of each at hand.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pypack {

// Sequences at which a placement begins or ends.
class Borders {
  public:
    explicit Borders(std::int64_t num_sequences)
        : words_(static_cast<std::size_t>(num_sequences) / 64 + 1, 0), before_(words_.size(), 0) {}

    void add(std::int64_t sequence) { words_[static_cast<std::size_t>(sequence) / 64] |= bit_of(sequence); }

    void count() {
        std::uint32_t total = 0;
        for (std::size_t i = 0; i < words_.size(); ++i) {
            before_[i] = total;
            total += static_cast<std::uint32_t>(bits_of(words_[i]));
        }
    }

    // How many borders are before this sequence.
    [[nodiscard]] std::size_t number(std::int64_t sequence) const {
        const std::size_t word = static_cast<std::size_t>(sequence) / 64;
        return before_[word] + bits_of(words_[word] & (bit_of(sequence) - 1));
    }

    template <typename Visit>
    void each(Visit&& visit) const {
        for (std::size_t i = 0; i < words_.size(); ++i) {
            for (std::uint64_t rest = words_[i]; rest != 0; rest &= rest - 1) {
                visit(static_cast<std::int64_t>(i) * 64 + std::countr_zero(rest));
            }
        }
    }

  private:
    // std::popcount(), which is a call of a function where no instruction is sure to be there.
    static std::size_t bits_of(std::uint64_t word) {
        word -= word >> 1 & 0x5555555555555555ULL;
        word = (word & 0x3333333333333333ULL) + (word >> 2 & 0x3333333333333333ULL);
        word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
        return static_cast<std::size_t>(word * 0x0101010101010101ULL >> 56);
    }

    static std::uint64_t bit_of(std::int64_t sequence) {
        return std::uint64_t{1} << static_cast<unsigned>(sequence % 64);
    }

    std::vector<std::uint64_t> words_;
    std::vector<std::uint32_t> before_;
};

}  // namespace pypack
