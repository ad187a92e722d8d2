// Values to places.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pypack {

// to[places[i]] becomes values[i], in order. (Four at a time: a step of a loop takes as long as two stores.)
template <typename Id>
inline void scatter(const std::uint32_t* places, const std::uint32_t* values, std::size_t count, Id* to) {
    std::size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        to[places[i]] = static_cast<Id>(values[i]);
        to[places[i + 1]] = static_cast<Id>(values[i + 1]);
        to[places[i + 2]] = static_cast<Id>(values[i + 2]);
        to[places[i + 3]] = static_cast<Id>(values[i + 3]);
    }
    for (; i < count; ++i) to[places[i]] = static_cast<Id>(values[i]);
}

}  // namespace pypack
