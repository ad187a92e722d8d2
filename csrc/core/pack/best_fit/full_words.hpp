// Words of spans that fill their sequences, in memory of two arrays of 32 bits an item that is there anyway:
// the first half of the words in one of them, the second half in the other.
#pragma once

#include <cstdint>
#include <cstring>

namespace pypack {

class FullWords {
  public:
    FullWords() = default;

    // Both arrays have room for kMore items more than there are words.
    static constexpr std::int64_t kMore = 1;
    FullWords(std::uint32_t* lower, std::uint32_t* upper, std::int64_t size)
        : lower_(lower), upper_(upper), half_((size + 1) / 2) {}

    // Of any alignment.
    [[nodiscard]] static std::uint64_t load(const std::uint32_t* place) {
        std::uint64_t word = 0;
        std::memcpy(&word, place, sizeof(word));
        return word;
    }
    static void store(std::uint32_t* place, std::uint64_t word) { std::memcpy(place, &word, sizeof(word)); }

    [[nodiscard]] std::uint32_t* place(std::int64_t i) const {
        return i < half_ ? lower_ + 2 * i : upper_ + 2 * (i - half_);
    }

    // How many words from i on, at most `size`, follow one another in memory.
    [[nodiscard]] std::int64_t run(std::int64_t i, std::int64_t size) const {
        return i < half_ && half_ - i < size ? half_ - i : size;
    }

  private:
    std::uint32_t* lower_ = nullptr;
    std::uint32_t* upper_ = nullptr;
    std::int64_t half_ = 0;
};

}  // namespace pypack
