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

void PatternAutomaton::look_ahead(std::string_view text, std::vector<std::uint8_t>& found) const {
    found.clear();
    if (looks_.empty()) return;
    found.resize(text.size() + 1);
    for (std::size_t i = 0; i < looks_.size(); ++i) {
        looks_[i]->mark(text, static_cast<std::uint8_t>(1U << i), found);
    }
}

void PatternAutomaton::mark(std::string_view text, std::uint8_t bit, std::vector<std::uint8_t>& found) const {
    std::uint32_t row = starts_.back();
    for (std::size_t at = text.size();;) {
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
        if (at == 0) return;
        row = step >> 1;
        at = before;
    }
}

}  // namespace pypack
