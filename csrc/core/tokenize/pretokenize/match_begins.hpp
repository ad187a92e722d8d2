// Where matches of a pattern may begin, as far as the character there tells: 64 bytes at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokenize/pretokenize/pattern_automaton.hpp"
#include "tokenize/pretokenize/strip_loops.hpp"

namespace pypack {

// Most words of a text have no digit in them: who looks for digits need not look at the others.
class MatchBegins {
  public:
    MatchBegins(PatternAutomaton::Ptr pattern, const StripLoops& loops);

    // On its way through a text.
    class Cursor {
      public:
        Cursor(const MatchBegins& begins, std::string_view text);

        // The first place from byte `from` on, which is not before any asked for earlier; the size of the
        // text if there is none. Both are between characters.
        [[nodiscard]] std::size_t next(std::size_t from) {
            if (begins_.anywhere_) return from;
            if (from > found_) find(from);
            return found_;
        }

      private:
        void find(std::size_t from);
        void load();

        const MatchBegins& begins_;
        std::string_view text_;
        std::size_t found_ = 0;
        std::size_t base_ = 0;  // of the block that `mask_` is of
        std::uint64_t mask_ = 0;
    };

  private:
    PatternAutomaton::Ptr pattern_;
    const StripLoops& loops_;
    bool anywhere_;                              // a match of nothing may
    std::array<std::uint8_t, 256> may_begin_{};  // of ASCII characters
};

}  // namespace pypack
