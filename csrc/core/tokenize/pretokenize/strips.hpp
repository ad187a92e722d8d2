// A block of text cut into strips, through which an automaton runs side by side.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tokenize/pretokenize/pattern_automaton.hpp"
#include "tokenize/pretokenize/streamed_states.hpp"
#include "tokenize/pretokenize/strip_loops.hpp"

namespace pypack {

// One run through a text waits for the table at every character; eight runs wait together. Each begins its
// strip as if a match began there, which is a guess. But two runs that find a word to begin at the same place
// find the same words behind it, and mostly that is soon: so each goes on for some bytes into the next strip.
// Whoever knows the truth (streamed_automaton.cpp) changes from run to run where they meet.
class Strips {
  public:
    static constexpr std::size_t kCount = 8;
    static constexpr std::size_t kMostBytes = 112;   // of a strip: with kBeyond, two masks
    static constexpr std::size_t kFewestBytes = 24;  // fewer are not worth it

    explicit Strips(const StripLoops& loops) : loops_(loops) {}

    // Runs through text[begin, begin + size), both ends between characters; size is kCount * kFewestBytes to
    // kCount * kMostBytes. The states have strips.
    void run(const PatternAutomaton& pattern, const StreamedStates& states, std::string_view text,
             std::size_t begin, std::size_t size);

    // The bytes of a strip; one that begins within a character leaves it to the strip before.
    [[nodiscard]] std::size_t begin_of(std::size_t strip) const { return begins_[strip]; }
    [[nodiscard]] std::size_t end_of(std::size_t strip) const { return begins_[strip + 1]; }
    // The row there.
    [[nodiscard]] std::uint32_t end_row(std::size_t strip) const {
        const auto row = static_cast<std::uint32_t>(rows_[strip]);
        return states_->pairs.empty() ? row : states_->row_of_pairs(row);
    }
    // The class of the character that begins at byte `at` of the text; of a byte within one, `stay`.
    [[nodiscard]] std::uint8_t class_at(std::size_t strip, std::size_t at) const {
        return classes_[strip][at - begins_[strip]];
    }
    // StreamBits of the character that begins there.
    [[nodiscard]] std::uint8_t bits_at(std::size_t strip, std::size_t at) const {
        return bits_[strip][at - begins_[strip]];
    }

    // Whether a run may be changed to there: a word begins, or the run itself.
    [[nodiscard]] bool agrees(std::size_t strip, std::size_t at) const {
        const std::size_t i = at - begins_[strip];
        return (marks_[strip].joints[i / 64] >> i % 64 & 1) != 0;
    }
    // From byte `from` on: the first place where the run got lost, or the end of the strip.
    [[nodiscard]] std::size_t lost_from(std::size_t strip, std::size_t from) const;
    // Behind the end of the strip: where its run, and the next one, both find a word to begin.
    [[nodiscard]] std::optional<std::size_t> meeting(std::size_t strip) const;
    // Where the match at hand at byte `at` might have ended, if from byte `from` on; else nothing.
    [[nodiscard]] std::optional<std::size_t> accept_before(std::size_t strip, std::size_t at,
                                                           std::size_t from) const;
    // Appends to `out`, which may be written 64 elements too far, where words begin in [from, to) until
    // there are `most` or more. Returns how many. knows_late: those too that the run found behind the strip.
    [[nodiscard]] std::size_t append_words(std::size_t strip, std::size_t from, std::size_t to,
                                           bool knows_late, std::size_t most, std::uint32_t* out) const;

  private:
    static constexpr std::size_t kBeyond = 16;  // bytes of the next strip that a run goes on for
    static constexpr std::size_t kMasks = (kMostBytes + kBeyond + 63) / 64;
    static constexpr std::size_t kStride = 64 * kMasks;
    using Bytes = std::array<std::uint8_t, kStride>;
    using Mask = std::array<std::uint64_t, kMasks>;

    struct Marks {
        Mask words;    // where words begin
        Mask late;     // of those in the strip, which were found behind it
        Mask joints;   // where a run may be changed to this one
        Mask lost;     // where the run had to go back, and began anew instead
        Mask accepts;  // where the match at hand might have ended
    };

    void find_classes(const PatternAutomaton& pattern, const StreamedStates& states);
    void run_side_by_side(const StreamedStates& states);
    void run_by_pairs(const StreamedStates& states);
    void look_through();
    void find_joints(std::size_t strip);
    void look_at_special(std::size_t strip, std::size_t i);
    // The bytes that its run has read.
    [[nodiscard]] std::size_t size_of_run(std::size_t strip) const {
        return std::min(begins_[strip + 1] + kBeyond, begins_[kCount]) - begins_[strip];
    }
    [[nodiscard]] std::size_t previous_of(std::size_t strip, std::size_t i) const;
    [[nodiscard]] static std::uint64_t bit(std::size_t i) { return std::uint64_t{1} << i % 64; }

    const StripLoops& loops_;
    const StreamedStates* states_ = nullptr;
    std::string_view text_;
    std::size_t length_ = 0;  // of the longest strip
    std::array<std::size_t, kCount + 1> begins_;
    std::array<std::size_t, kCount> rows_;
    alignas(64) std::array<Bytes, kCount> classes_;
    alignas(64) std::array<std::array<std::uint16_t, kStride / 2>, kCount> pairs_;
    alignas(64) std::array<Bytes, kCount> bits_;
    std::array<Marks, kCount> marks_;
};

}  // namespace pypack
