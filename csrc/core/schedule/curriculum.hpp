// Which bucket each step of a phase draws from: a table of one byte a step, made from how many steps each
// bucket has.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pypack {

// Curricula of Dataset Decomposition (arXiv 2405.13226). `steps[b]` are the steps of bucket b, shortest
// length first; they are cut into `cycles` equal parts (the rest is spread), and every cycle draws without
// replacement:
//
// sample_cycles (Algorithm 1 of the paper): while a cycle has steps left, the next one's bucket is drawn with
// the odds of the buckets that have steps left. Odds of 0 for all: as many as each bucket has steps left, so
// that every order is as likely as any other.
[[nodiscard]] std::vector<std::uint8_t> sample_cycles(std::span<const std::int64_t> steps,
                                                      std::span<const std::uint64_t> odds,
                                                      std::int64_t cycles, std::uint64_t key);

// subcycle_cycles (OLMo-core's reading): every cycle has as many sub-cycles as there are buckets. A bucket's
// steps of the cycle are divided over them by the odds, which stand highest in the sub-cycle of its own rank
// and fall first towards the shorter, then towards the longer buckets; each sub-cycle is shuffled. Division
// is by largest remainder, where OLMo-core's rounding can give out more than there is. `odds` fall: the
// largest first.
[[nodiscard]] std::vector<std::uint8_t> subcycle_cycles(std::span<const std::int64_t> steps,
                                                        std::span<const std::uint64_t> odds,
                                                        std::int64_t cycles, std::uint64_t key);

// A bucket for every step, and how often it came before.
class BucketSequence {
  public:
    // Throws std::invalid_argument for a bucket that is not below `num_buckets`.
    BucketSequence(std::vector<std::uint8_t> buckets, std::int64_t num_buckets);

    [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(buckets_.size()); }
    [[nodiscard]] std::span<const std::uint8_t> buckets() const { return buckets_; }
    // Throws std::out_of_range for a step that does not exist.
    [[nodiscard]] std::int64_t bucket(std::int64_t step) const;
    // Steps of `bucket` before `step`, which may be size().
    [[nodiscard]] std::int64_t visits(std::int64_t step, std::int64_t bucket) const;

  private:
    static constexpr std::int64_t kStride = 256;
    std::vector<std::uint8_t> buckets_;
    std::int64_t num_buckets_;
    std::vector<std::int64_t> before_;  // visits of each bucket before every kStride-th step
};

}  // namespace pypack
