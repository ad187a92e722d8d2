// Moving each of many values to where a stride maps it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/parallel.hpp"
#include "pack/best_fit/stride.hpp"
#include "pack/best_fit/stride_windows.hpp"

namespace pypack {

// Whether the images of [0, size) fit in a cache, or are as they were.
[[nodiscard]] inline bool is_permuted_in_cache(const GoldenStride& stride, std::int64_t size) {
    constexpr std::int64_t kInCache = std::int64_t{1} << 16;
    return size <= kInCache || stride.step() == 1;
}

// Calls put(stride.at(i), i) for all i in [0, size). Where the images do not fit in a cache, each would be a
// line of its own: these are written window by window, and soon(i) is called some time before a run of
// StrideWindows::kBatch indices from i on.
template <typename Soon, typename Put>
void permute(const GoldenStride& stride, std::int64_t size, int num_threads, Soon&& soon, Put&& put) {
    if (is_permuted_in_cache(stride, size)) {
        constexpr std::int64_t kTask = std::int64_t{1} << 18;
        parallel_for((size + kTask - 1) / kTask, num_threads, [&](std::int64_t task) {
            stride.each(task * kTask, std::min(size, (task + 1) * kTask), put);
        });
        return;
    }
    const StrideWindows windows(stride, size);
    parallel_for(windows.num_batches(), num_threads, [&](std::int64_t number) {
        const StrideWindows::Batch batch = windows.batch(number);
        std::int64_t images[StrideWindows::kBatch];
        std::int64_t first = windows.first_image(batch.first);
        for (std::int64_t i = 0; i < batch.count; ++i, first = windows.next_image(first)) images[i] = first;
        windows.each(batch, soon, [&](std::int64_t begin, std::int64_t end, std::int64_t window) {
            for (std::int64_t i = begin; i < end; ++i) put(images[window + i - begin]++, i);
        });
    });
}

}  // namespace pypack
