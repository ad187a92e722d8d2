#include "tokenize/pretokenize/plain_steps.hpp"

#include <map>
#include <tuple>

namespace pypack {
namespace {

constexpr std::size_t kMostStates = 4096;
constexpr std::uint32_t kDead = 0;
constexpr std::uint32_t kNowhere = 0xFFFFFFFF;  // no state: nothing has been read yet

}  // namespace

PlainSteps::PlainSteps(const PatternAutomaton& pattern)
    : num_classes_(pattern.num_classes()), start_(pattern.start()) {
    for (std::uint32_t state = 0; state < pattern.num_states(); ++state) {
        for (std::uint32_t kind = 0; kind <= num_classes_; ++kind) {
            const std::uint32_t step = pattern.step(state, kind);
            steps_.push_back({step >> 1, (step & 1) != 0});
        }
    }
}

bool PlainSteps::every_character_matches() const {
    for (std::uint32_t kind = 0; kind < num_classes_; ++kind) {
        if (!step(step(start_, kind).to, num_classes_).ends) return false;
    }
    return true;
}

bool PlainSteps::always_ends(std::uint32_t state) const {
    for (std::uint32_t kind = 0; kind <= num_classes_; ++kind) {
        if (!step(state, kind).ends) return false;
    }
    return true;
}

// A match is looked for where the last one ended; and as long as there is none, another one from a later
// place on, before which the gap would end.
class PlainSteps::GapMaker {
  public:
    explicit GapMaker(const PlainSteps& plain) : plain_(plain) {}

    std::optional<PlainSteps> make() {
        PlainSteps made;
        made.num_classes_ = plain_.num_classes_;
        (void)number({kDead, kDead, false});
        made.start_ = number({plain_.start_, kNowhere, true});
        for (std::size_t i = 0; i < todo_.size(); ++i) {
            const Known known = todo_[i];
            for (std::uint32_t kind = 0; kind <= plain_.num_classes_; ++kind) {
                made.steps_.push_back(known.later == kNowhere ? first(kind) : after(known, kind));
            }
            if (has_failed_ || todo_.size() > kMostStates) return std::nullopt;
        }
        return made;
    }

  private:
    struct Known {
        std::uint32_t state;  // of the match from the first place on; dead where there is none
        std::uint32_t later;  // of the one from a later place on
        bool may_be_gap;      // no match has ended yet

        [[nodiscard]] auto key() const { return std::tie(state, later, may_be_gap); }
        bool operator<(const Known& other) const { return key() < other.key(); }
    };

    std::uint32_t number(const Known& known) {
        const auto [found, is_new] = numbers_.emplace(known, static_cast<std::uint32_t>(todo_.size()));
        if (is_new) todo_.push_back(known);
        return found->second;
    }

    // A match whose end is known, so far.
    std::uint32_t matched(std::uint32_t state) { return number({state, kDead, false}); }

    PlainStep first(std::uint32_t kind) {
        if (kind == plain_.num_classes_) return {kDead, false};
        const std::uint32_t to = plain_.step(plain_.start_, kind).to;
        return {plain_.always_ends(to) ? matched(to) : number({to, kDead, true}), false};
    }

    PlainStep after(const Known& known, std::uint32_t kind) {
        const auto [to, ends] = plain_.step(known.state, kind);
        if (ends || !known.may_be_gap) return {matched(to), ends};
        const PlainStep later = plain_.step(known.later, kind);
        // The gap has ended where the later match begins, unless the first one comes to an end after all.
        if (later.ends) return {matched(to), false};
        if (kind == plain_.num_classes_) return {kDead, true};
        if (plain_.always_ends(to) || plain_.always_ends(later.to)) return {matched(to), false};
        const std::uint32_t begun = plain_.step(plain_.start_, kind).to;
        if (begun == kDead || begun == later.to) return {number({to, later.to, true}), false};
        has_failed_ |= later.to != kDead;
        return {plain_.always_ends(begun) ? matched(to) : number({to, begun, true}), true};
    }

    const PlainSteps& plain_;
    std::map<Known, std::uint32_t> numbers_;
    std::vector<Known> todo_;
    bool has_failed_ = false;
};

std::optional<PlainSteps> PlainSteps::with_gaps() const {
    return GapMaker(*this).make();
}

}  // namespace pypack
