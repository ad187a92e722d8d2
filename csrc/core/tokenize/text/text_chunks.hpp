// How documents are shared out to threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "tokenize/text/text_view.hpp"

namespace pypack {

// Chunk i is texts [bounds[i], bounds[i + 1]).
struct TextChunks {
    std::vector<std::size_t> bounds{0};
    std::vector<std::size_t> bytes;
    // All chunks, one behind the other, so that most know their place in the whole when they are done. But
    // first those that would keep one thread busy alone: long documents with too little behind them. (All
    // long documents first had ids wait in fresh memory: two threads were 1.65 times one, now 1.85.)
    std::vector<std::size_t> order;

    [[nodiscard]] std::size_t size() const { return bounds.size() - 1; }

    // How many of num_threads threads have something to do; one where there is nothing.
    [[nodiscard]] std::size_t num_workers(int num_threads) const {
        return std::clamp(size(), std::size_t{1}, static_cast<std::size_t>(std::max(1, num_threads)));
    }
};

// Cuts texts into chunks of about the same number of bytes, many for each thread so that all are done at
// about the same time, but one chunk for one thread. A text is never cut.
[[nodiscard]] inline TextChunks chunks_of(std::span<const TextView> texts, int num_threads) {
    constexpr std::size_t kSmallest = std::size_t{1} << 15;  // bytes
    constexpr std::size_t kLargest = std::size_t{1} << 22;
    std::size_t total = 0;
    for (const TextView& text : texts) total += size_in_bytes(text);
    const auto threads = static_cast<std::size_t>(num_threads);
    const std::size_t wanted =
        threads <= 1 ? total + texts.size() + 1 : std::clamp(total / (64 * threads), kSmallest, kLargest);
    TextChunks chunks;
    std::size_t filled = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        filled += size_in_bytes(texts[i]) + 1;
        if (filled >= wanted || i + 1 == texts.size()) {
            chunks.bounds.push_back(i + 1);
            chunks.bytes.push_back(filled);
            filled = 0;
        }
    }
    std::vector<std::size_t> first;
    std::size_t behind = 0;  // bytes in the order of the chunks
    for (std::size_t i = chunks.size(); i-- > 0;) {
        if (chunks.bytes[i] >= 2 * wanted && behind / chunks.bytes[i] + 1 < threads) {
            first.push_back(i);
        } else {
            chunks.order.push_back(i);
            behind += chunks.bytes[i];
        }
    }
    std::stable_sort(first.begin(), first.end(),
                     [&](std::size_t a, std::size_t b) { return chunks.bytes[a] < chunks.bytes[b]; });
    chunks.order.insert(chunks.order.end(), first.begin(), first.end());
    std::reverse(chunks.order.begin(), chunks.order.end());
    return chunks;
}

}  // namespace pypack
