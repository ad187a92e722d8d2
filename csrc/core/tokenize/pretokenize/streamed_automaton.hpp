// A pattern that cuts text in one pass: the next match begins while the one before it is found to end.
#pragma once

#include "common/instructions.hpp"
#include "tokenize/pretokenize/pattern_automaton.hpp"
#include "tokenize/pretokenize/pretokenizer.hpp"

namespace pypack {

// Cuts pieces into the matches of a pattern and what lies between them. Null where the pattern has no such
// form: one that is not plain, or that needs too many states.
[[nodiscard]] PretokenizerPtr make_streamed_automaton(const PatternAutomaton::Ptr& pattern,
                                                      Instructions instructions = Instructions::kBest);

}  // namespace pypack
