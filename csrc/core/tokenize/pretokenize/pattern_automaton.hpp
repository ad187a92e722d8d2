// A regex as a deterministic automaton over classes of characters, compiled elsewhere.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "tokenize/unicode/utf8.hpp"

namespace pypack {

// What a state does at a character depends on its class alone; the end of the text is a class of its own, the
// last. Whether a match has ended is known one character late, when that character has been looked at: so
// `a(?!b)` needs no way back. A step is 2 * state + (1 if a match ends before the character); state 0 leads
// nowhere, and state 1 is where a match begins.
class PatternAutomaton {
  public:
    // class_of: by code point, 0x110000 of them; steps: [state][class].
    PatternAutomaton(std::span<const std::uint8_t> class_of, unsigned num_classes,
                     std::span<const std::uint16_t> steps)
        : width_(num_classes + 1), steps_(steps.begin(), steps.end()) {
        if (class_of.size() != kCodePoints || num_classes == 0 || num_classes > 255 ||
            steps.size() % width_ != 0 || steps.size() / width_ < 2) {
            throw std::invalid_argument("the tables of a pattern do not fit together");
        }
        for (const std::uint16_t step : steps_) {
            if (step / 2U >= steps_.size() / width_) throw std::invalid_argument("a step leads to no state");
        }
        for (std::size_t block = 0; block < blocks_.size(); ++block) {
            const auto values = class_of.subspan(block * kBlock, kBlock);
            for (const std::uint8_t value : values) {
                if (value >= num_classes) throw std::invalid_argument("a character has no class");
            }
            std::size_t known = 0;
            while (known < classes_.size() &&
                   !std::equal(values.begin(), values.end(),
                               classes_.begin() + static_cast<std::ptrdiff_t>(known))) {
                known += kBlock;
            }
            if (known == classes_.size()) classes_.insert(classes_.end(), values.begin(), values.end());
            blocks_[block] = static_cast<std::uint16_t>(known / kBlock);
        }
    }

    // The end of the match that begins at byte `begin`.
    [[nodiscard]] std::optional<std::size_t> match(std::string_view text, std::size_t begin) const {
        std::optional<std::size_t> end;
        const char* p = text.data() + begin;
        const char* const last = text.data() + text.size();
        for (std::size_t state = 1; state != 0;) {
            const bool at_end = p == last;
            const char* next = p;
            const unsigned kind = at_end ? width_ - 1 : class_at(next);
            const std::uint16_t step = steps_[state * width_ + kind];
            if ((step & 1) != 0) end = static_cast<std::size_t>(p - text.data());
            if (at_end) break;
            p = next;
            state = step / 2;
        }
        return end;
    }

  private:
    static constexpr std::size_t kCodePoints = 0x110000;
    static constexpr std::size_t kBlock = 128;

    // The class of the character at p, which moves behind it.
    [[nodiscard]] unsigned class_at(const char*& p) const {
        const auto byte = static_cast<unsigned char>(*p);
        if (byte < 0x80) {
            ++p;
            return classes_[std::size_t{blocks_[0]} * kBlock + byte];
        }
        const char32_t c = next_code_point(p);
        return classes_[std::size_t{blocks_[c / kBlock]} * kBlock + c % kBlock];
    }

    unsigned width_;
    std::vector<std::uint16_t> steps_;
    std::array<std::uint16_t, kCodePoints / kBlock> blocks_{};
    std::vector<std::uint8_t> classes_;
};

}  // namespace pypack
