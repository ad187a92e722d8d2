#include "tokenize/pretokenize/pattern_automaton.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace pypack {

PatternAutomaton::PatternAutomaton(std::span<const std::uint8_t> class_of, unsigned num_classes,
                                   std::span<const std::uint16_t> steps,
                                   std::span<const std::uint16_t> starts, std::vector<Ptr> looks)
    : end_of_text_(num_classes),
      width_(num_classes + 1U),
      row_size_(width_ << looks.size()),
      looks_(std::move(looks)) {
    if (class_of.size() != kCodePoints || num_classes == 0 || num_classes > 255 || looks_.size() > 8 ||
        steps.size() % row_size_ != 0 || steps.size() / row_size_ < 2 || starts.size() != width_) {
        throw std::invalid_argument("the tables of a pattern do not fit together");
    }
    const std::size_t num_states = steps.size() / row_size_;
    for (const std::uint16_t step : steps) {
        if (step / 2U >= num_states) throw std::invalid_argument("a step leads to no state");
        steps_.push_back(step / 2U * row_size_ << 1 | (step & 1U));
    }
    for (const std::uint16_t state : starts) {
        if (state >= num_states) throw std::invalid_argument("a match begins in no state");
        starts_.push_back(state * row_size_);
        starts_differ_ |= state != starts[0];
    }
    for (const Ptr& look : looks_) {
        if (look == nullptr || !look->looks_.empty()) {
            throw std::invalid_argument("what is looked for ahead looks ahead itself");
        }
    }
    read_classes(class_of, num_classes);
    find_begins();
    find_settled();
}

void PatternAutomaton::find_begins() {
    may_begin_.assign(width_, 0);
    for (const std::uint32_t row : starts_) {
        for (std::uint32_t i = 0; i < row_size_; ++i) may_begin_[i % width_] |= steps_[row + i] != 0;
    }
}

void PatternAutomaton::find_settled() {
    settled_rows_.assign(end_of_text_, 0);
    if (!looks_.empty()) return;  // it is not itself looked for
    for (std::uint32_t kind = 0; kind < end_of_text_; ++kind) {
        const std::uint32_t to = steps_[starts_.back() + kind] >> 1;
        bool is_same = true;
        // The row 0 is that of no run.
        for (std::uint32_t row = row_size_; row < steps_.size(); row += row_size_) {
            is_same &= steps_[row + kind] >> 1 == to;
        }
        if (is_same) settled_rows_[kind] = to;
    }
}

void PatternAutomaton::read_classes(std::span<const std::uint8_t> class_of, unsigned num_classes) {
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

bool PatternAutomaton::is_plain() const {
    if (starts_differ_ || !looks_.empty()) return false;
    for (std::uint32_t kind = 0; kind <= end_of_text_; ++kind) {
        if ((steps_[starts_.back() + kind] & 1) != 0) return false;
    }
    return true;
}

PatternAutomaton::Settled PatternAutomaton::settled_from(std::string_view text, std::size_t place) const {
    const char* p = text.data() + place;
    for (const char* const last = text.data() + text.size(); p != last;) {
        const char* next = nullptr;
        const std::uint32_t row = settled_rows_[class_at(p, next)];
        if (row != 0) return {static_cast<std::size_t>(p - text.data()), row};
        p = next;
    }
    return {text.size(), starts_.back()};
}

void PatternAutomaton::mark(std::string_view text, Settled from, std::size_t to, std::uint8_t bit,
                            std::vector<std::uint8_t>& found) const {
    std::uint32_t row = from.row;
    for (std::size_t at = from.place;;) {
        std::size_t before = at;
        std::uint32_t kind = end_of_text_;
        if (at != 0) {
            do --before;
            while (is_utf8_continuation(text[before]));
            const char* next = nullptr;
            kind = class_at(text.data() + before, next);
        }
        const std::uint32_t step = steps_[row + kind];
        if ((step & 1) != 0) found[at] |= bit;
        if (at == to) return;
        row = step >> 1;
        at = before;
    }
}

}  // namespace pypack
