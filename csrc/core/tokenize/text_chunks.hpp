// How documents are shared out to threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "tokenize/text_view.hpp"

namespace pypack {

// Cuts texts into runs of about the same number of bytes, many for each thread so that all are done at about
// the same time, but one run for one thread; the result begins with 0
// and ends with texts.size().
[[nodiscard]] inline std::vector<std::size_t> chunk_bounds(std::span<const TextView> texts, int num_threads) {
    constexpr std::size_t kSmallestChunk = std::size_t{1} << 16;  // bytes
    constexpr std::size_t kLargestChunk = std::size_t{1} << 22;
    std::size_t total = 0;
    for (const TextView& text : texts) total += size_in_bytes(text);
    const auto threads = static_cast<std::size_t>(num_threads);
    const std::size_t bytes = threads <= 1
                                  ? total + texts.size() + 1
                                  : std::clamp(total / (16 * threads), kSmallestChunk, kLargestChunk);
    std::vector<std::size_t> bounds{0};
    std::size_t filled = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        filled += size_in_bytes(texts[i]) + 1;
        if (filled >= bytes) {
            bounds.push_back(i + 1);
            filled = 0;
        }
    }
    if (bounds.back() != texts.size()) bounds.push_back(texts.size());
    return bounds;
}

}  // namespace pypack
