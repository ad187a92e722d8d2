// Some of the documents of a store, as one bit each.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "common/buffer.hpp"
#include "common/instructions.hpp"
#include "common/types.hpp"

namespace pypack {

class DocumentSet {
  public:
    // Those whose byte of the mask is not 0.
    DocumentSet(std::span<const std::uint8_t> mask, int num_threads,
                Instructions instructions = Instructions::kBest);

    [[nodiscard]] std::int64_t size() const { return size_; }  // of the store
    [[nodiscard]] std::int64_t count() const { return first_.back(); }

    // Their numbers, rising.
    [[nodiscard]] Buffer<std::int64_t> documents(int num_threads) const;

    struct Lengths {
        Buffer<Length> lengths;
        std::array<std::uint64_t, 2> hash;  // sequence_hash() of them
    };
    // Their lengths, of those of all documents. The hash is made of each part while it is in a cache, by all
    // threads. Throws std::invalid_argument for another number of lengths.
    [[nodiscard]] Lengths lengths(std::span<const Length> all, int num_threads) const;

  private:
    std::int64_t size_;
    Buffer<std::uint64_t> words_;      // bit i of word w: document 64 w + i
    std::vector<std::int64_t> first_;  // how many are before each part, and in all
    Instructions instructions_;
};

}  // namespace pypack
