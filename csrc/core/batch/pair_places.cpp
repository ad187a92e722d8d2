#include "batch/pair_places.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>

namespace pypack {

namespace {

void add_span(PairSide& side, std::int64_t items) {
    const std::int64_t end = side.borders.back() + items;
    if (end > std::numeric_limits<std::int32_t>::max()) {
        throw std::overflow_error("a batch has " + std::to_string(end) +
                                  " items on one side, cu_seqlens (int32) can count to 2^31-1");
    }
    side.borders.push_back(static_cast<std::int32_t>(end));
    side.longest = std::max(side.longest, static_cast<std::int32_t>(items));
}

}  // namespace

void check_pair_rooms(std::int64_t inputs, std::int64_t targets, PairLengths rooms) {
    if (inputs <= rooms.inputs && targets <= rooms.targets) return;
    throw std::invalid_argument("a sequence has more than " + std::to_string(rooms.inputs) + " inputs or " +
                                std::to_string(rooms.targets) +
                                " targets; the plan is damaged, or of another objective");
}

PairPlaces padded_pair_places(std::int64_t num_rows, PairLengths rooms) {
    PairPlaces places;
    for (std::int64_t row = 0; row <= num_rows; ++row) {
        places.inputs.rows.push_back(row * rooms.inputs);
        places.targets.rows.push_back(row * rooms.targets);
    }
    return places;
}

PairPlaces varlen_pair_places(std::span<const SequenceSource> sources, std::span<const RowRef> rows,
                              const ResolvedRows& resolved, const PairSizes& sizes, PairLengths rooms) {
    PairPlaces places;
    auto& [inputs, targets] = places;
    for (PairSide* side : {&inputs, &targets}) {
        side->rows.push_back(0);
        side->borders.push_back(0);
    }
    for (std::size_t r = 0; r < rows.size(); ++r) {
        const std::int64_t first = resolved.first_span[r];
        for (std::int64_t s = first; s < resolved.first_span[r + 1]; ++s) {
            const PlanView& plan = sources[static_cast<std::size_t>(rows[r].source)].plan;
            const std::int64_t in_plan =
                plan.sequence_offsets[static_cast<std::size_t>(rows[r].sequence)] + s - first;
            const ResolvedSpan& span = resolved.spans[static_cast<std::size_t>(s)];
            const PairLengths items =
                sizes.of(plan.span_document[static_cast<std::size_t>(in_plan)], span.start, span.length);
            add_span(inputs, items.inputs);
            add_span(targets, items.targets);
        }
        check_pair_rooms(inputs.borders.back() - inputs.rows.back(),
                         targets.borders.back() - targets.rows.back(), rooms);
        inputs.rows.push_back(inputs.borders.back());
        targets.rows.push_back(targets.borders.back());
    }
    return places;
}

}  // namespace pypack
