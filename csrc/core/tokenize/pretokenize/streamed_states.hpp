// The states of streamed_automaton.hpp, made of those of a pattern's automaton.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "tokenize/pretokenize/pattern_automaton.hpp"

namespace pypack {

// What happens at a character, in the lowest bits of an entry; the row of the next state is above them. Words
// end, in this order, where the match was accepted, before the previous character, and before this one.
enum StreamBits : std::uint32_t {
    kStreamEnds = 1,              // a word ends before this character
    kStreamAccepts = 2,           // the match at hand might end before it
    kStreamSpecial = 4,           // one of those below
    kStreamEndsAtAccept = 8,      // a word ends where a match last might
    kStreamEndsAtPrevious = 16,   // a word ends before the previous character
    kStreamAcceptsPrevious = 32,  // the match at hand might end before the previous character
    kStreamGoesBack = 64,         // nothing of the above: the text must be looked at again
    kStreamHasAccept = 128,       // from where the match might end; without it no match begins here
};
inline constexpr unsigned kStreamShift = 8;

struct StreamedStates {
    std::vector<std::uint32_t> entries;  // [state][class, then the end of the text, then `stay`]
    std::uint32_t start = 0;             // row of the state in which a match begins
    std::uint32_t stay = 0;              // a class that changes nothing: of what lies within a character
    std::array<std::uint8_t, 256> class_of_byte{};  // of ASCII characters; `stay` of other bytes
    bool has_strips = false;                        // whether it pays to run through strips (strips.hpp)

    // Two characters at once, where there are not too many pairs: [state][first * width + second]. The bits
    // of both lie in the lowest two bytes as they do in memory, the row of the next state is above them.
    std::vector<std::uint32_t> pairs;
    std::uint32_t width = 0;  // of a row of entries
    // The row of entries for a row of pairs.
    [[nodiscard]] std::uint32_t row_of_pairs(std::uint32_t row) const { return row / width; }
};
inline constexpr unsigned kStreamPairShift = 16;

// nullopt where there would be too many. The pattern is plain.
[[nodiscard]] std::optional<StreamedStates> make_streamed_states(const PatternAutomaton& pattern);

}  // namespace pypack
