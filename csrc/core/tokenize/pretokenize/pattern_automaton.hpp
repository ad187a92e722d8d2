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
        : end_of_text_(num_classes) {
        const std::size_t width = num_classes + 1U;
        if (class_of.size() != kCodePoints || num_classes == 0 || num_classes > 255 ||
            steps.size() % width != 0 || steps.size() / width < 2) {
            throw std::invalid_argument("the tables of a pattern do not fit together");
        }
        first_ = static_cast<std::uint32_t>(width);
        for (const std::uint16_t step : steps) {
            if (step / 2U >= steps.size() / width) throw std::invalid_argument("a step leads to no state");
            steps_.push_back(step / 2U * first_ << 1 | (step & 1U));
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
        std::copy(class_of.begin(), class_of.begin() + kBlock, ascii_.begin());
    }

    // The end of the match that begins at byte `begin`; nullopt where none does.
    [[nodiscard]] std::optional<std::size_t> match(std::string_view text, std::size_t begin) const {
        const char* end = nullptr;
        const char* p = text.data() + begin;
        const char* const last = text.data() + text.size();
        const std::uint32_t* const steps = steps_.data();
        for (std::uint32_t row = first_;;) {
            if (p == last) {
                if ((steps[row + end_of_text_] & 1) != 0) end = p;
                break;
            }
            const char* next = p + 1;
            const auto byte = static_cast<unsigned char>(*p);
            const unsigned kind = byte < 0x80 ? ascii_[byte] : class_at(p, next);
            const std::uint32_t step = steps[row + kind];
            end = (step & 1) != 0 ? p : end;
            row = step >> 1;
            if (row == 0) break;
            p = next;
        }
        if (end == nullptr) return std::nullopt;
        return static_cast<std::size_t>(end - text.data());
    }

  private:
    static constexpr std::size_t kCodePoints = 0x110000;
    static constexpr std::size_t kBlock = 128;

    // The class of the character at p, which ends at `next`.
    [[nodiscard]] unsigned class_at(const char* p, const char*& next) const {
        const char32_t c = next_code_point(p);
        next = p;
        return classes_[std::size_t{blocks_[c / kBlock]} * kBlock + c % kBlock];
    }

    std::uint32_t end_of_text_;
    std::uint32_t first_ = 0;           // where the row of the first state begins
    std::vector<std::uint32_t> steps_;  // 2 * the row of a state, and whether a match has ended
    std::array<std::uint8_t, kBlock> ascii_{};
    std::array<std::uint16_t, kCodePoints / kBlock> blocks_{};
    std::vector<std::uint8_t> classes_;
};

}  // namespace pypack
