// Sorting what may take seconds.
#pragma once

#include <algorithm>
#include <cstddef>

#include "common/interrupt.hpp"

namespace pypack {

// std::sort that throws Interrupted where it is to end; what it sorts is then in no order.
template <typename Iterator, typename Less>
void interruptible_sort(Iterator begin, Iterator end, Less less) {
    constexpr std::ptrdiff_t kFew = std::ptrdiff_t{1} << 20;  // take a tenth of a second
    if (end - begin < kFew) {
        std::sort(begin, end, less);
        return;
    }
    std::size_t comparisons = 0;
    std::sort(begin, end, [&](const auto& a, const auto& b) {
        if (++comparisons % kDocumentsBetweenChecks == 0) check_interrupt();
        return less(a, b);
    });
}

}  // namespace pypack
