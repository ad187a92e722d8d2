// Which runs of a span's tokens are left out of the inputs, in T5's way: tokens that are kept and such runs
// take turns, kept ones first; how long each run is, is drawn among all ways to cut the tokens.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/instructions.hpp"
#include "common/types.hpp"
#include "objective/pair_sizes.hpp"

namespace pypack {

// Memory that is used again for every span.
class NoiseRuns {
  public:
    // Of a span of so many tokens. Without noise there is one run of kept tokens, and none of noise.
    // `instructions`: resolved.
    void draw(std::uint64_t span_key, Length length, NoiseCounts counts, Instructions instructions);

    // kept()[0], noise()[0], kept()[1], ... follow one another.
    [[nodiscard]] std::span<const Length> kept() const { return kept_; }
    [[nodiscard]] std::span<const Length> noise() const { return noise_; }

  private:
    // So many tokens in so many parts, none empty: cuts at places that are drawn.
    void cut(std::uint64_t draws, Length tokens, Length parts, Instructions instructions,
             std::vector<Length>& lengths);

    std::vector<Length> kept_;
    std::vector<Length> noise_;
    // (A byte a place: a bit could not be set before the last one is, if they are of one word.)
    std::vector<std::uint8_t> taken_;
    std::vector<std::uint64_t> cuts_;    // a bit a place
    std::vector<std::uint32_t> places_;  // of the bits that are 1
};

}  // namespace pypack
