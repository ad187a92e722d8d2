// The steps of a plain automaton alone, and those of one that cuts a whole text.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tokenize/pretokenize/pattern_automaton.hpp"

namespace pypack {

struct PlainStep {
    std::uint32_t to;  // 0 leads nowhere
    bool ends;         // a match ends before the character
};

class PlainSteps {
  public:
    // Of a plain pattern.
    explicit PlainSteps(const PatternAutomaton& pattern);

    [[nodiscard]] std::uint32_t num_classes() const {
        return num_classes_;
    }  // the end of the text is the next
    [[nodiscard]] std::uint32_t start() const { return start_; }
    [[nodiscard]] PlainStep step(std::uint32_t state, std::uint32_t kind) const {
        return steps_[state * (num_classes_ + 1) + kind];
    }

    // Whether a text of one character, whichever it is, is a match.
    [[nodiscard]] bool every_character_matches() const;

    // The same, but where no match begins what lies before the next one is one, too: then matches lie end to
    // end. nullopt where it would have to be remembered of more than one place that a match may begin there.
    [[nodiscard]] std::optional<PlainSteps> with_gaps() const;

  private:
    class GapMaker;

    PlainSteps() = default;
    // Whether a match has ended, whatever comes.
    [[nodiscard]] bool always_ends(std::uint32_t state) const;

    std::uint32_t num_classes_ = 0;
    std::uint32_t start_ = 0;
    std::vector<PlainStep> steps_;  // [state][class, then the end of the text]
};

}  // namespace pypack
