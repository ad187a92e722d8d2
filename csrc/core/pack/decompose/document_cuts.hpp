// Where Dataset Decomposition cuts a document.
#pragma once

#include <bit>
#include <cstdint>

#include "common/random.hpp"
#include "pack/decompose/decompose.hpp"

namespace pypack {

inline constexpr int kMaxBuckets = 27;  // 2^0 .. 2^26, PackOptions::kMaxSequenceLength

[[nodiscard]] inline int log2_floor(Length value) {
    return std::bit_width(static_cast<std::uint32_t>(value)) - 1;
}

// The cuts of one document.
class DocumentCuts {
  public:
    explicit DocumentCuts(const DecomposeOptions& options)
        : extra_(options.piece_length == PieceLength::shifted ? 1 : 0),
          lowest_(options.remainder == Remainder::keep ? 0 : log2_floor(options.min_length)),
          shortest_random_(log2_floor(options.min_length)),
          highest_(log2_floor(options.max_length)),
          is_random_(options.long_documents == LongDocuments::random),
          seed_(options.seed) {}

    // Whether the pieces of a document are the binary digits of its length: bucket k has one where bit k is
    // set, which starts at the value of the higher bits, and the longest bucket has what the higher bits
    // count.
    [[nodiscard]] bool are_binary() const { return extra_ == 0 && !is_random_; }

    [[nodiscard]] int lowest() const { return lowest_; }
    [[nodiscard]] int highest() const { return highest_; }
    [[nodiscard]] Length piece(int bucket) const { return (Length{1} << bucket) + extra_; }

    // Calls place(bucket, start) for each piece of a document of `length` tokens; returns where its rest
    // begins.
    template <typename Place>
    Length cut(std::int64_t document, Length length, Place&& place) const {
        Length start = 0;
        for (std::uint64_t draw = 0; length - start > extra_; ++draw) {
            int bucket = log2_floor(length - start - extra_);
            if (bucket < lowest_) break;
            if (bucket > highest_) bucket = is_random_ ? random_bucket(document, draw) : highest_;
            place(bucket, start);
            start += piece(bucket);
        }
        return start;
    }

  private:
    static constexpr std::uint64_t kRandomBucket = 0x6465636f6d70ULL;  // purpose of the draw

    // k in [min, max] with probability 2^(max - k) / (2^(max - min + 1) - 1): the position of the highest set
    // bit of a uniform number from 1 to 2^(max - min + 1) - 1 is `max - k`.
    [[nodiscard]] int random_bucket(std::int64_t document, std::uint64_t draw) const {
        const int buckets = highest_ - shortest_random_ + 1;
        const std::uint64_t mask = (std::uint64_t{1} << buckets) - 1;
        std::uint64_t bits = random_bits(seed_, kRandomBucket, static_cast<std::uint64_t>(document));
        bits = combine_keys(bits, draw);
        while ((bits & mask) == 0) bits = mix64(bits + 1);
        return highest_ - static_cast<int>(std::bit_width(bits & mask)) + 1;
    }

    Length extra_;
    int lowest_;
    int shortest_random_;
    int highest_;
    bool is_random_;
    std::uint64_t seed_;
};

}  // namespace pypack
