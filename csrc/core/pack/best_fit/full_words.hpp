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
    static constexpr std::int64_t kMore = 2;
    FullWords(std::uint32_t* lower, std::uint32_t* upper, std::int64_t size)
        : lower_(aligned_from(lower)), upper_(aligned_from(upper)), half_((size + 1) / 2) {}

    // The memory is used by others as what it is.
    [[nodiscard]] static std::uint64_t load(const std::uint64_t* place) {
        std::uint64_t word = 0;
        std::memcpy(&word, place, sizeof(word));
        return word;
    }
    static void store(std::uint64_t* place, std::uint64_t word) { std::memcpy(place, &word, sizeof(word)); }

    [[nodiscard]] std::uint64_t* place(std::int64_t i) const {
        return i < half_ ? lower_ + i : upper_ + (i - half_);
    }

    // How many words from i on, at most `size`, follow one another in memory.
    [[nodiscard]] std::int64_t run(std::int64_t i, std::int64_t size) const {
        return i < half_ && half_ - i < size ? half_ - i : size;
    }

  private:
    static std::uint64_t* aligned_from(std::uint32_t* items) {
        const bool is_odd = reinterpret_cast<std::uintptr_t>(items) % sizeof(std::uint64_t) != 0;
        return reinterpret_cast<std::uint64_t*>(items + (is_odd ? 1 : 0));
    }

    std::uint64_t* lower_ = nullptr;
    std::uint64_t* upper_ = nullptr;
    std::int64_t half_ = 0;
};

}  // namespace pypack
