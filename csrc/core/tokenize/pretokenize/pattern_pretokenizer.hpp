// The regexes that byte-level tokenizers cut words with, as scanners.
#pragma once

#include <string_view>

#include "common/instructions.hpp"
#include "tokenize/pretokenize/pretokenizer.hpp"

namespace pypack {

enum class Pattern {
    kGpt2,
    kCl100k,
    kQwen2,
    kQwen35,
    kO200k,
    kTekken,
    // Several pretokenizers in a row, as one scanner.
    kStarCoder,
    kFalcon,
    kDeepSeekV3,
    // cl100k with two digits at most.
    kNanochat
};

// Matches of the pattern are the words; every character belongs to one. Throws std::invalid_argument
// where the machine lacks the instructions.
[[nodiscard]] PretokenizerPtr make_pattern_pretokenizer(Pattern pattern,
                                                        Instructions instructions = Instructions::kBest);

}  // namespace pypack
