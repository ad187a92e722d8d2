#include "tokenize/pretokenize/looked_ahead.hpp"

#include <algorithm>

namespace pypack {

void LookedAhead::look(std::size_t place) {
    const auto& looks = pattern_->looks();
    std::size_t first = text_.size();
    std::size_t zeroed = place;
    for (std::size_t i = 0; i < looks.size(); ++i) {
        const PatternAutomaton::Settled settled = looks[i]->settled_from(text_, place);
        for (; zeroed <= settled.place; ++zeroed) bits_[zeroed] = 0;
        looks[i]->mark(text_, settled, place, static_cast<std::uint8_t>(1U << i), bits_);
        first = std::min(first, settled.place);
    }
    known_ = first + 1;
}

}  // namespace pypack
