#include "objective/objective.hpp"

#include <algorithm>
#include <cstddef>

#include "common/parallel.hpp"

namespace pypack {

namespace {

// Items a thread must have before another one is worth its start (about 34 us).
constexpr std::int64_t kItemsPerThread = 1 << 16;

}  // namespace

std::int64_t ExtraArray::items_of_row(std::int64_t row_length) const {
    if (row_items >= 0) return std::min(row_items, row_length);
    const auto items = static_cast<std::int64_t>(row_share * static_cast<double>(row_length));
    return std::min(std::max<std::int64_t>(items, 1), row_length);
}

template <typename Id>
void apply_objective(const Objective& objective, std::span<const ObjectiveSpan> spans,
                     const ObjectiveArrays<Id>& arrays, int num_threads) {
    std::int64_t items = 0;
    for (const ObjectiveSpan& span : spans) items += span.length;
    const auto threads =
        static_cast<int>(std::clamp<std::int64_t>(items / kItemsPerThread, 1, std::max(num_threads, 1)));
    if (threads == 1) return objective.apply(spans, arrays);
    const auto count = static_cast<std::int64_t>(spans.size());
    const std::int64_t chunks = std::min<std::int64_t>(count, 8 * threads);
    parallel_for(chunks, threads, [&](std::int64_t chunk) {
        const std::int64_t first = count * chunk / chunks;
        const std::int64_t last = count * (chunk + 1) / chunks;
        objective.apply(
            spans.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first)), arrays);
    });
}

template void apply_objective(const Objective&, std::span<const ObjectiveSpan>,
                              const ObjectiveArrays<std::int64_t>&, int);
template void apply_objective(const Objective&, std::span<const ObjectiveSpan>,
                              const ObjectiveArrays<std::int32_t>&, int);

}  // namespace pypack
