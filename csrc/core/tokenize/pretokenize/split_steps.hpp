// Pretokenizers one after the other, each of which splits what the one before it left.
#pragma once

#include <memory>
#include <vector>

#include "common/instructions.hpp"
#include "tokenize/pretokenize/match_begins.hpp"
#include "tokenize/pretokenize/pattern_automaton.hpp"
#include "tokenize/pretokenize/pretokenizer.hpp"

namespace pypack {

// What becomes of the matches of a pattern, as `tokenizers` names it.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

// One of: a pattern; another pretokenizer, which rewrites nothing; pieces of so many characters.
struct SplitStep {
    std::shared_ptr<const PatternAutomaton> pattern;
    SplitBehavior behavior = SplitBehavior::kIsolated;
    bool invert = false;  // what lies between the matches is meant
    PretokenizerPtr inner;
    PretokenizerPtr streamed;  // the pattern in the form of streamed_automaton.hpp, where it has one
    std::shared_ptr<const MatchBegins> begins;  // where it may match
    std::size_t num_characters = 0;
};

[[nodiscard]] PretokenizerPtr make_split_steps(std::vector<SplitStep> steps,
                                               Instructions instructions = Instructions::kBest);

}  // namespace pypack
