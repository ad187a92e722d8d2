// How many items the two sides of an encoder-decoder example have: what a plan with two capacities is packed
// and proved by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/types.hpp"

namespace pypack {

// What becomes of the tokens of a span.
struct Denoiser {
    enum class Kind : std::uint8_t {
        spans,   // runs of them are left out of the inputs, and are the targets
        prefix,  // the first of them are the inputs, the rest are the targets
    };

    Kind kind = Kind::spans;
    double rate = 0;          // of the tokens that become targets, on average
    double mean = 0;          // spans: tokens of a run, on average
    Length mode_tokens = 0;   // in front of the inputs
    std::uint64_t below = 0;  // in units of 2^-32: the chance of it and of all denoisers before it
};

// Of the tokens of a span those that are left out of the inputs, and in how many runs.
struct NoiseCounts {
    Length tokens;
    Length runs;
};

// As T5 counts: in float32, halves to the even number; at least one token is left out and one is kept. A span
// of one token keeps it.
[[nodiscard]] NoiseCounts noise_counts(double rate, double mean, Length length);

// The fewest tokens of the prefix of a span; it has at most all but one, and those many are equally likely.
[[nodiscard]] Length least_prefix(double rate, Length length);

struct PairLengths {
    Length inputs;
    Length targets;
};

class PairSizes {
  public:
    static constexpr Length kMostTokens = Length{1} << 26;  // of a piece

    // `ends`: each side has an end token. `seed`: of what is drawn for a piece of a document once, in a plan,
    // and is the same in every epoch: its denoiser, and the length of its prefix.
    // Throws std::invalid_argument for numbers that are out of range.
    PairSizes(std::vector<Denoiser> denoisers, bool ends, std::uint64_t seed);

    [[nodiscard]] const std::vector<Denoiser>& denoisers() const { return denoisers_; }
    [[nodiscard]] bool ends() const { return ends_; }

    // Of the piece that begins at token `start` of a document.
    [[nodiscard]] std::size_t denoiser_of(std::int64_t document, Length start) const;
    [[nodiscard]] Length prefix_of(const Denoiser& denoiser, std::int64_t document, Length start,
                                   Length length) const;
    [[nodiscard]] PairLengths of(std::int64_t document, Length start, Length length) const;

    // The most tokens that a piece may have, whatever is drawn for it: for runs as many as T5 takes for
    // inputs of this length (its random_spans_helper), or fewer where the rooms ask for it, or the sentinels,
    // which are `most_runs`. 0: none fits.
    [[nodiscard]] Length longest(const Denoiser& denoiser, PairLengths rooms,
                                 Length most_runs = kMostTokens) const;

    // The most items of a piece of so many tokens on either side, whatever is drawn for it.
    [[nodiscard]] PairLengths most(const Denoiser& denoiser, Length length) const;

  private:
    std::vector<Denoiser> denoisers_;
    bool ends_;
    std::uint64_t seed_;
};

}  // namespace pypack
