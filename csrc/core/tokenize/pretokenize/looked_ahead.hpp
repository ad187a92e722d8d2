// What a pattern looks for ahead, found in a text from the places on that are asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenize/pretokenize/pattern_automaton.hpp"

namespace pypack {

// What begins at a place is known by a run that comes there from the end of the text. But mostly there is,
// soon behind the place, a character whatever lies behind which leaves that run in one state.
class LookedAhead {
  public:
    // The pattern must outlive what is asked about the text.
    void begin(const PatternAutomaton& pattern, std::string_view text) {
        pattern_ = &pattern;
        text_ = text;
        known_ = 0;
        has_looks_ = !pattern.looks().empty();
        if (has_looks_ && bits_.size() <= text.size()) bits_.resize(text.size() + 1);
    }

    // Of the looks of the pattern, which begin at the place, as bits. Places that are asked for lie next to
    // one another, or behind all those before.
    [[nodiscard]] std::uint8_t at(std::size_t place) {
        if (!has_looks_) return 0;
        if (place >= known_) look(place);
        return bits_[place];
    }

    // Gives memory back that is more than so many bytes.
    void keep(std::size_t most) {
        if (bits_.capacity() > most) bits_ = {};
    }

  private:
    void look(std::size_t place);

    const PatternAutomaton* pattern_ = nullptr;
    std::string_view text_;
    bool has_looks_ = false;
    std::size_t known_ = 0;  // what lies before it, from the last place on that was far from the others
    std::vector<std::uint8_t> bits_;
};

}  // namespace pypack
