#include "pack/best_fit/window_parts.hpp"

namespace pypack {

std::vector<PlanPart> parts_of_windows(const StrideWindows& windows,
                                       std::span<const std::int64_t> first_spans, std::int64_t num_sequences,
                                       std::int64_t num_spans, std::int64_t enough) {
    std::vector<PlanPart> parts;
    PlanPart part{0, 0, 0, 0};
    std::int64_t window = 0;
    for (std::int64_t i = 0; i < windows.num(); ++i, window = windows.next(window)) {
        const std::int64_t span = first_spans[static_cast<std::size_t>(window)];
        if (span - part.first_span < enough) continue;
        part.end_sequence = windows.first_image(window);
        part.end_span = span;
        parts.push_back(part);
        part = {part.end_sequence, 0, span, 0};
    }
    part.end_sequence = num_sequences;
    part.end_span = num_spans;
    parts.push_back(part);
    return parts;
}

}  // namespace pypack
