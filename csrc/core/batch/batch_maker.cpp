#include "batch/batch_maker.hpp"

#include <stdexcept>
#include <string>

namespace pypack {

std::vector<RowRef> BatchMaker::rows(const StepRequest& request) const {
    if (request.world_size < 1 || request.rank < 0 || request.rank >= request.world_size) {
        throw std::invalid_argument("rank " + std::to_string(request.rank) + " of " +
                                    std::to_string(request.world_size));
    }
    const bool whole = request.balance != BalanceStrategy::none && request.world_size > 1;
    const std::int64_t count = (request.slots - request.rank + request.world_size - 1) / request.world_size;
    if (!whole) {
        return draw_rows(pools, request.draws, request.slots, request.rank, request.world_size, count,
                         request.shuffle_key);
    }
    if (request.slots % request.world_size != 0) {
        throw std::invalid_argument("a balanced batch must divide among the ranks");
    }
    const std::vector<RowRef> all =
        draw_rows(pools, request.draws, request.slots, 0, 1, request.slots, request.shuffle_key);
    std::vector<double> costs;
    costs.reserve(all.size());
    for (const RowRef& row : all) costs.push_back(cost(row));
    BalanceOptions options;
    options.ranks = request.world_size;
    options.micro_batches = count;
    options.strategy = request.balance;
    const Buffer<std::int64_t> order = balance(costs, options, 1);
    std::vector<RowRef> mine;
    mine.reserve(static_cast<std::size_t>(count));
    for (std::int64_t i = request.rank * count; i < (request.rank + 1) * count; ++i) {
        mine.push_back(all[static_cast<std::size_t>(order[i])]);
    }
    return mine;
}

// Of attention: the sum of squared span lengths. Damaged rows cost nothing here, resolve_rows names them.
double BatchMaker::cost(const RowRef& row) const {
    if (row.sequence == kEmptyRow) return 0;
    const PlanView& plan = sources[static_cast<std::size_t>(row.source)].plan;
    if (row.sequence >= plan.num_sequences()) return 0;
    const auto s = static_cast<std::size_t>(row.sequence);
    const std::int64_t first = plan.sequence_offsets[s];
    const std::int64_t last = plan.sequence_offsets[s + 1];
    if (first < 0 || last < first || last > plan.num_spans()) return 0;
    double sum = 0;
    for (std::int64_t i = first; i < last; ++i) {
        const double length = plan.span_length[static_cast<std::size_t>(i)];
        sum += length * length;
    }
    return sum;
}

MadeBatch BatchMaker::make(const StepRequest& request) {
    return make_batch(sources, rows(request), request.row_length, format, buffers, request.memory,
                      request.num_threads);
}

}  // namespace pypack
