#include "tokenize/pretokenize/streamed_states.hpp"

#include <bit>
#include <map>
#include <tuple>

#include "tokenize/pretokenize/plain_steps.hpp"
#include "tokenize/pretokenize/strip_loops.hpp"

namespace pypack {
namespace {

constexpr std::size_t kMostStates = 4096;
constexpr std::uint32_t kDead = 0;

// When a run of the automaton might last have ended.
constexpr int kNever = -2;
constexpr int kEarlier = -1;  // or, from 0 on, before the last character: the class of that one

// What is known while a match is looked for. Where it might have ended already, the text behind that place is
// matched at the same time, for the case that it did end there: `next` is the state of that run, dead where
// more than one match would have to be remembered, and `next_accept` when that run might last have ended.
struct Known {
    std::uint32_t state = 0;
    bool has_accept = false;
    std::uint32_t next = kDead;
    int next_accept = kNever;

    [[nodiscard]] auto key() const { return std::tie(state, has_accept, next, next_accept); }
    bool operator<(const Known& other) const { return key() < other.key(); }
};

struct Outcome {
    std::uint32_t bits;
    Known known;
};

class Maker {
  public:
    explicit Maker(const PlainSteps& steps) : steps_(steps) {}

    // All but what says of characters which class they have.
    std::optional<StreamedStates> make() {
        StreamedStates made;
        const std::uint32_t width = steps_.num_classes() + 2;
        (void)number({steps_.start(), false, kDead, kNever});
        for (std::size_t i = 0; i < todo_.size(); ++i) {
            const Known known = todo_[i];
            const auto add = [&](const Outcome& outcome) {
                const std::uint32_t row = number(outcome.known) * width;
                made.entries.push_back(row << kStreamShift | outcome.bits);
            };
            for (std::uint32_t kind = 0; kind + 2 < width; ++kind) add(after_or_anew(known, kind));
            add(at_end(known));
            add({0, known});
            if (todo_.size() > kMostStates) return std::nullopt;
        }
        made.width = width;
        made.stay = width - 1;
        return made;
    }

  private:
    [[nodiscard]] PlainStep step(std::uint32_t state, std::uint32_t kind) const {
        return steps_.step(state, kind);
    }

    std::uint32_t number(const Known& known) {
        const auto [found, is_new] = numbers_.emplace(known, static_cast<std::uint32_t>(todo_.size()));
        if (is_new) todo_.push_back(known);
        return found->second;
    }

    [[nodiscard]] Outcome back(const Known& known) const {
        return {kStreamSpecial | kStreamGoesBack | (known.has_accept ? std::uint32_t{kStreamHasAccept} : 0),
                {steps_.start(), false, kDead, kNever}};
    }

    [[nodiscard]] Outcome at_end(const Known& known) const {
        const bool ends = step(known.state, steps_.num_classes()).ends;
        return ends ? Outcome{kStreamEnds, {steps_.start(), false, kDead, kNever}} : back(known);
    }

    // A match that begins with a character of a class.
    [[nodiscard]] Known begun(std::uint32_t kind) const {
        return {step(steps_.start(), kind).to, false, kDead, kNever};
    }

    // The match at hand might end before this character.
    [[nodiscard]] Known accepting(std::uint32_t to, std::uint32_t kind) const {
        return {to, true, begun(kind).state, kNever};
    }

    [[nodiscard]] Outcome after(const Known& known, std::uint32_t kind) const {
        const auto [to, ends] = step(known.state, kind);
        if (to != kDead) {
            if (ends) return {kStreamAccepts, accepting(to, kind)};
            return {0, {to, known.has_accept, next_of(known, kind), accept_of(known, kind)}};
        }
        if (ends) {
            const Known next = begun(kind);
            return next.state == kDead ? ends_before_gap() : Outcome{kStreamEnds, next};
        }
        return known.has_accept && known.next != kDead ? at_accept(known, kind) : back(known);
    }

    // A match ends before a character that none begins with: it is looked at as one that must go back to.
    [[nodiscard]] Outcome ends_before_gap() const { return {kStreamEnds, {kDead, false, kDead, kNever}}; }

    // Where it must go back, a run that guesses goes on with a match that begins here, if one does.
    [[nodiscard]] Outcome after_or_anew(const Known& known, std::uint32_t kind) const {
        const Outcome outcome = after(known, kind);
        const Known next = begun(kind);
        if ((outcome.bits & kStreamGoesBack) == 0 || next.state == kDead) return outcome;
        return {outcome.bits, next};
    }

    [[nodiscard]] std::uint32_t next_of(const Known& known, std::uint32_t kind) const {
        return known.next == kDead ? kDead : step(known.next, kind).to;
    }

    [[nodiscard]] int accept_of(const Known& known, std::uint32_t kind) const {
        if (next_of(known, kind) == kDead) return kNever;
        if (step(known.next, kind).ends) return static_cast<int>(kind);
        return known.next_accept == kNever ? kNever : kEarlier;
    }

    // The match at hand ended where it might have; the run behind it goes on, or ends itself.
    [[nodiscard]] Outcome at_accept(const Known& known, std::uint32_t kind) const {
        const std::uint32_t bits = kStreamSpecial | kStreamEndsAtAccept;
        const auto [to, ends] = step(known.next, kind);
        if (to != kDead) {
            if (ends) return {bits | kStreamAccepts, accepting(to, kind)};
            if (known.next_accept == kNever) return {bits, {to, false, kDead, kNever}};
            if (known.next_accept == kEarlier) return back(known);
            // It might have ended before the previous character.
            const Known previous = begun(static_cast<std::uint32_t>(known.next_accept));
            const Known since{to, true, previous.state, kNever};
            return {bits | kStreamAcceptsPrevious, {to, true, next_of(since, kind), accept_of(since, kind)}};
        }
        const Known next = begun(kind);
        if (ends) return next.state == kDead ? back(known) : Outcome{bits | kStreamEnds, next};
        if (known.next_accept < 0) return back(known);
        // It ended before the previous character, with which another one begins.
        const Known previous = begun(static_cast<std::uint32_t>(known.next_accept));
        if (previous.state == kDead) return back(known);
        const auto [then, then_ends] = step(previous.state, kind);
        if (then != kDead) {
            if (then_ends) {
                return {bits | kStreamEndsAtPrevious | kStreamAccepts, accepting(then, kind)};
            }
            return {bits | kStreamEndsAtPrevious, {then, false, kDead, kNever}};
        }
        if (!then_ends || next.state == kDead) return back(known);
        return {bits | kStreamEndsAtPrevious | kStreamEnds, next};
    }

    const PlainSteps& steps_;
    std::map<Known, std::uint32_t> numbers_;
    std::vector<Known> todo_;
};

// Where all rows of pairs have numbers of 16 bits.
void make_pairs(StreamedStates& made) {
    constexpr std::size_t kMostPairs = std::size_t{1} << (32 - kStreamPairShift);
    constexpr std::uint32_t kBits = (1U << kStreamShift) - 1;
    const std::uint32_t width = made.width;
    if (made.entries.size() * width > kMostPairs || width > kMostPairWidth) return;
    for (std::uint32_t row = 0; row < made.entries.size(); row += width) {
        for (std::uint32_t first = 0; first < width; ++first) {
            const std::uint32_t before = made.entries[row + first];
            for (std::uint32_t second = 0; second < width; ++second) {
                const std::uint32_t entry = made.entries[(before >> kStreamShift) + second];
                const std::uint32_t low = std::endian::native == std::endian::big ? entry : before;
                const std::uint32_t high = std::endian::native == std::endian::big ? before : entry;
                made.pairs.push_back((entry >> kStreamShift) * width << kStreamPairShift |
                                     (high & kBits) << kStreamShift | (low & kBits));
            }
        }
    }
}

}  // namespace

std::optional<StreamedStates> make_streamed_states(const PatternAutomaton& pattern) {
    const PlainSteps plain(pattern);
    std::optional<StreamedStates> made;
    bool is_whole = plain.every_character_matches();
    if (!is_whole) {
        if (const auto with_gaps = plain.with_gaps()) made = Maker(*with_gaps).make();
        is_whole = made.has_value();
    }
    if (!made) made = Maker(plain).make();
    if (!made) return std::nullopt;
    made->class_of_byte.fill(static_cast<std::uint8_t>(made->stay));
    for (unsigned byte = 0; byte < 128; ++byte) {
        made->class_of_byte[byte] = pattern.class_of_ascii(static_cast<unsigned char>(byte));
    }
    // Where parts of a text lie between matches, runs that begin in the midst of it are lost time and again.
    made->has_strips = made->stay <= 0xFF && is_whole;
    if (made->has_strips) make_pairs(*made);
    return made;
}

}  // namespace pypack
