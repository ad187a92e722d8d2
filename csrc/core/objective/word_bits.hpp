// Where words begin in the documents of stores, as a store has kept it.
#pragma once

#include <cstdint>

namespace pypack {

// Safe to use from many threads at once.
class WordBits {
  public:
    WordBits() = default;
    WordBits(const WordBits&) = delete;
    WordBits& operator=(const WordBits&) = delete;
    virtual ~WordBits() = default;

    // Bit i % 64 of words[i / 64] is 1 where token start + i of a document begins a word, for the first
    // `count` tokens; the other bits of the last number are 0. `store` is the number of the store. Throws
    // std::invalid_argument, std::out_of_range for tokens that there are not.
    virtual void copy(std::int32_t store, std::int64_t document, std::int64_t start, std::int64_t count,
                      std::uint64_t* words) const = 0;
};

}  // namespace pypack
