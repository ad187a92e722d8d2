// Where the sequences of placements stand in a plan, and so where their spans begin.
#pragma once

#include <cstdint>

#include "common/buffer.hpp"
#include "common/prefetch.hpp"
#include "pack/best_fit/stride.hpp"

namespace pypack {

// Goes through sequences in the order of their placements. Each stands far from the one before it, so their
// offsets and the places of their spans are fetched ahead.
class SequencePlaces {
  public:
    // order.at(s): where sequence s stands; offsets[order.at(s)]: its first span, of `spans`.
    SequencePlaces(const GoldenStride& order, const Buffer<std::int64_t>& offsets, std::uint64_t* spans,
                   std::int64_t first_sequence)
        : order_(order), offsets_(offsets.data()), spans_(spans), sequence_(order.at(first_sequence)) {
        for (unsigned i = 0; i < kAhead; ++i) {
            ring_[i] = sequence_;
            prefetch(offsets_ + sequence_);
            sequence_ = order_.next(sequence_);
        }
        for (unsigned i = 0; i < kNear; ++i) near(i);
    }

    // The first span of the next sequence.
    std::int64_t next() {
        const unsigned at = at_++ % kAhead;
        const std::int64_t place = ring_[at];
        ring_[at] = sequence_;
        prefetch(offsets_ + sequence_);
        sequence_ = order_.next(sequence_);
        near((at + kNear) % kAhead);
        return place;
    }

  private:
    static constexpr unsigned kAhead = 64;
    static constexpr unsigned kNear = 32;

    // From here on the ring holds the first span instead of the sequence.
    void near(unsigned at) {
        ring_[at] = offsets_[ring_[at]];
        prefetch_to_write(spans_ + ring_[at]);
    }

    GoldenStride order_;
    const std::int64_t* offsets_;
    std::uint64_t* spans_;
    std::int64_t sequence_;
    std::int64_t ring_[kAhead];
    unsigned at_ = 0;
};

}  // namespace pypack
