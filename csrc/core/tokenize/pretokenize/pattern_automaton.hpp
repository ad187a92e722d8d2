// A regex as a deterministic automaton over classes of characters, compiled elsewhere.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tokenize/unicode/utf8.hpp"

namespace pypack {

// What a state does at a character depends on its class alone; the end of the text is a class of its own, the
// last. Whether a match has ended is known one character late, when that character has been looked at: so
// `a(?!b)` needs no way back. A step is 2 * state + (1 if a match ends before the character); state 0 leads
// nowhere. Where a match begins depends on the character before it, for `\b`. What must be looked for further
// ahead is found beforehand, for every place, by automata that read the text from its end (`looks`); whether
// it is there is part of the class.
class PatternAutomaton {
  public:
    using Ptr = std::shared_ptr<const PatternAutomaton>;

    // class_of: by code point, 0x110000 of them. steps: [state][bits of looks][class]. starts: the state in
    // which a match begins behind a character of each class, and at the start of the text (the last).
    PatternAutomaton(std::span<const std::uint8_t> class_of, unsigned num_classes,
                     std::span<const std::uint16_t> steps, std::span<const std::uint16_t> starts,
                     std::vector<Ptr> looks);

    // The end of the match that begins at byte `begin`; nullopt where none does. ahead(place): of `looks`,
    // which begin at a place, as bits.
    template <typename Ahead>
    [[nodiscard]] std::optional<std::size_t> match(std::string_view text, std::size_t begin,
                                                   Ahead&& ahead) const {
        const char* end = nullptr;
        const char* p = text.data() + begin;
        const char* const last = text.data() + text.size();
        const std::uint32_t* const steps = steps_.data();
        for (std::uint32_t row = start_row(text, begin);;) {
            const std::uint32_t around = ahead(static_cast<std::size_t>(p - text.data())) * width_;
            if (p == last) {
                if ((steps[row + around + end_of_text_] & 1) != 0) end = p;
                break;
            }
            const char* next = p + 1;
            const auto byte = static_cast<unsigned char>(*p);
            const unsigned kind = byte < 0x80 ? ascii_[byte] : class_at(p, next);
            const std::uint32_t step = steps[row + around + kind];
            end = (step & 1) != 0 ? p : end;
            row = step >> 1;
            if (row == 0) break;
            p = next;
        }
        if (end == nullptr) return std::nullopt;
        return static_cast<std::size_t>(end - text.data());
    }

    // Whether a match may begin with a character of a class, or a match of nothing before it; at the end of
    // the text, where that is the class.
    [[nodiscard]] bool may_begin(std::uint32_t kind) const { return may_begin_[kind] != 0; }

    // Looks are found by runs from the end of a text to its start. The first place from `place` on of which
    // is known in which row any such run comes there.
    struct Settled {
        std::size_t place;
        std::uint32_t row;
    };
    [[nodiscard]] std::span<const Ptr> looks() const { return looks_; }
    [[nodiscard]] Settled settled_from(std::string_view text, std::size_t place) const;
    // Sets `bit` of every place from there down to `to` where one of the texts begins that this automaton,
    // which reads them from their ends, matches.
    void mark(std::string_view text, Settled from, std::size_t to, std::uint8_t bit,
              std::vector<std::uint8_t>& found) const;

    // Whether a match depends on what it begins with and on one character behind it alone, and is not empty.
    [[nodiscard]] bool is_plain() const;

    // The tables, for who runs them in another way: where the state 1 is that all matches of a plain one
    // begin in.
    [[nodiscard]] std::size_t num_states() const { return steps_.size() / row_size_; }
    [[nodiscard]] std::uint32_t num_classes() const { return end_of_text_; }
    [[nodiscard]] std::uint32_t start() const { return starts_.back() / row_size_; }
    // 2 * state + (1 if a match ends before the character), of a plain one.
    [[nodiscard]] std::uint32_t step(std::uint32_t state, std::uint32_t kind) const {
        const std::uint32_t step = steps_[state * row_size_ + kind];
        return (step >> 1) / row_size_ << 1 | (step & 1);
    }
    [[nodiscard]] std::uint8_t class_of_ascii(unsigned char byte) const { return ascii_[byte]; }

    // The class of the character at p, which ends at `next`.
    [[nodiscard]] unsigned class_at(const char* p, const char*& next) const {
        const char32_t c = next_code_point(p);
        next = p;
        return classes_[std::size_t{blocks_[c / kBlock]} * kBlock + c % kBlock];
    }

  private:
    static constexpr std::size_t kCodePoints = 0x110000;
    static constexpr std::size_t kBlock = 128;

    void read_classes(std::span<const std::uint8_t> class_of, unsigned num_classes);
    void find_begins();
    void find_settled();

    [[nodiscard]] std::uint32_t start_row(std::string_view text, std::size_t begin) const {
        if (!starts_differ_ || begin == 0) return starts_.back();
        std::size_t before = begin - 1;
        while (is_utf8_continuation(text[before])) --before;
        const char* next = nullptr;
        return starts_[class_at(text.data() + before, next)];
    }

    std::uint32_t end_of_text_;
    std::uint32_t width_;                // classes and the end
    std::uint32_t row_size_;             // of a state: a width for all bits of looks
    std::vector<std::uint32_t> steps_;   // 2 * the row of a state, and whether a match has ended
    std::vector<std::uint32_t> starts_;  // rows
    bool starts_differ_ = false;
    std::vector<Ptr> looks_;
    std::vector<std::uint8_t> may_begin_;      // [class, then the end of the text]
    std::vector<std::uint32_t> settled_rows_;  // by class: the row that it leads to from all rows; or 0
    std::array<std::uint8_t, kBlock> ascii_{};
    std::array<std::uint16_t, kCodePoints / kBlock> blocks_{};
    std::vector<std::uint8_t> classes_;
};

}  // namespace pypack
