// The random numbers of an objective: each is a function of the span's key, of what it is for, and of an
// index.
#pragma once

#include <cstdint>

#include "common/random.hpp"

namespace pypack {

// What a draw is for. A new purpose gets a new number; those that are there never change, as they are the
// order of runs that people go on with.
enum class Purpose : std::uint64_t {
    kChoose = 0,     // which tokens are chosen; four tokens share a draw
    kTie = 1,        // the same, where the first sixteen bits do not decide
    kReplace = 2,    // what stands in the place of a chosen token
    kPlace = 3,      // places that are drawn one after another
    kRange = 4,      // which ranges of a document are chosen, and which of their tokens
    kInfill = 5,     // whether a span is infilled, how, and where it is cut
    kPosition = 6,   // where the positions of a span jump, and how far
    kNoise = 8,      // how long the runs are that are left out of the inputs,
    kKept = 9,       // and those between them
    kDenoiser = 10,  // of a plan's seed, not of a span's key: which denoiser a piece of a document gets,
    kPrefix = 11,    // and where its prefix ends
    kKind = 12,      // whether a chosen token is masked, replaced or kept; four tokens share a draw
    kKindTie = 13,   // the same, where the first sixteen bits do not decide
    kFile = 19,      // as kInfill, of the files of a span
    kCluster = 20,   // of which cluster the replacement of a token is,
    kMember = 21,    // and which of its tokens
};

// What the draws of a purpose are counted in.
[[nodiscard]] constexpr std::uint64_t draws_for(std::uint64_t span_key, Purpose purpose) {
    return combine_keys(span_key, static_cast<std::uint64_t>(purpose));
}

// A number from 0 to limit - 1 of 64 random bits.
[[nodiscard]] constexpr std::uint64_t below(std::uint64_t bits, std::uint64_t limit) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(bits) * limit) >> 64);
}

}  // namespace pypack
