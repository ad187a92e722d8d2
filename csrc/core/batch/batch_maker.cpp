#include "batch/batch_maker.hpp"

#include <limits>
#include <stdexcept>
#include <string>

#include "batch/row_memory.hpp"
#include "batch/square_sums.hpp"
#include "common/prefetch.hpp"
#include "pack/balance/deal.hpp"
#include "pack/balance/lpt_to_rank.hpp"

namespace pypack {

namespace {

// Every rank deals every step anew: from here on (see BalanceOptions) the search for better swaps takes
// longer than ranks wait.
constexpr double kEven = 1.005;

}  // namespace

std::vector<RowRef> BatchMaker::rows(const StepRequest& request) const {
    if (request.world_size < 1 || request.rank < 0 || request.rank >= request.world_size) {
        throw std::invalid_argument("rank " + std::to_string(request.rank) + " of " +
                                    std::to_string(request.world_size));
    }
    const bool whole = request.balance != BalanceStrategy::none && request.world_size > 1;
    const std::int64_t count = (request.slots - request.rank + request.world_size - 1) / request.world_size;
    if (!whole) {
        return draw_rows(buckets, request.draws, request.slots, request.rank, request.world_size, count,
                         request.shuffle_key);
    }
    if (request.slots % request.world_size != 0) {
        throw std::invalid_argument("a balanced batch must divide among the ranks");
    }
    const std::vector<RowRef> all =
        draw_rows(buckets, request.draws, request.slots, 0, 1, request.slots, request.shuffle_key);
    const std::span<const std::int64_t> costs = attention_costs(all);
    const std::vector<std::int64_t> part = request.balance == BalanceStrategy::deal
                                               ? deal_to_rank(costs, request.world_size, request.rank)
                                               : lpt_to_rank(costs, request.world_size, request.rank, kEven);
    std::vector<RowRef> mine;
    mine.reserve(part.size());
    for (const std::int64_t i : part) mine.push_back(all[static_cast<std::size_t>(i)]);
    return mine;
}

void BatchMaker::check_sources(std::span<const RowRef> rows) const {
    const std::int64_t now = look_clock();
    std::int32_t looked_at = -1;  // mostly many rows of one source come together
    for (const RowRef& row : rows) {
        if (row.source == looked_at && row.source >= 0) continue;
        if (row.source < 0 || static_cast<std::size_t>(row.source) >= sources.size()) {
            throw std::out_of_range("source " + std::to_string(row.source) + " of " +
                                    std::to_string(sources.size()));
        }
        sources[static_cast<std::size_t>(row.source)].look_at_plan(now);
        looked_at = row.source;
    }
}

// Of attention: the sum of squared span lengths. Damaged rows cost nothing here, resolve_rows names them. The
// rows of all ranks are looked at, each a random place of two files: as in resolve_rows, every pass asks for
// the cache lines that the next one reads.
std::span<const std::int64_t> BatchMaker::attention_costs(std::span<const RowRef> rows) const {
    check_sources(rows);
    if (!remote) return costs_here(rows);
    const auto lengths = [&](const auto& ask) { for_lengths_of_rows(sources, rows, ask); };
    return remote->when_plan_there(lengths, [&] { return costs_here(rows); });
}

std::span<const std::int64_t> BatchMaker::costs_here(std::span<const RowRef> rows) const {
    const auto plan_of = [&](const RowRef& row) -> const PlanView* {
        const PlanView& plan = sources[static_cast<std::size_t>(row.source)].plan;
        return row.sequence == kEmptyRow || row.sequence >= plan.num_sequences() ? nullptr : &plan;
    };
    for (const RowRef& row : rows) {
        if (const PlanView* plan = plan_of(row)) {
            prefetch(&plan->sequence_offsets[static_cast<std::size_t>(row.sequence)]);
        }
    }
    struct Memory {
        std::vector<std::span<const Length>> lengths;
        std::vector<std::uint64_t> squares;
        std::vector<std::int64_t> costs;
    };
    thread_local Memory memory;  // every step of every rank needs it
    auto& [lengths, squares, costs] = memory;
    lengths.assign(rows.size(), {});
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const PlanView* plan = plan_of(rows[i]);
        if (plan == nullptr) continue;
        const auto s = static_cast<std::size_t>(rows[i].sequence);
        const std::int64_t first = plan->sequence_offsets[s];
        const std::int64_t last = plan->sequence_offsets[s + 1];
        if (first < 0 || last <= first || last > plan->num_spans()) continue;
        lengths[i] = plan->span_length.subspan(static_cast<std::size_t>(first),
                                               static_cast<std::size_t>(last - first));
        prefetch(lengths[i].data());
    }
    squares.resize(rows.size());
    square_sums(lengths, squares.data());
    costs.resize(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        // A row is at most 2^31 - 1 tokens, so that its cost fits; a damaged plan may say otherwise.
        std::uint64_t cost = squares[i];
        const PlanView* plan = plan_of(rows[i]);
        if (plan != nullptr && plan->literals.any()) {  // one segment, of all of its tokens
            auto tokens = static_cast<std::uint64_t>(
                lengths[i].empty() ? 0 : plan->num_literals(static_cast<std::size_t>(rows[i].sequence)));
            for (const std::int64_t length : lengths[i]) tokens += static_cast<std::uint64_t>(length);
            cost = tokens * tokens;
        }
        costs[i] = static_cast<std::int64_t>(cost & std::numeric_limits<std::int64_t>::max());
    }
    return costs;
}

MadeBatch BatchMaker::make(const StepRequest& request, std::span<const RowRef> rows) {
    if (!remote) return make_here(request, rows);
    if (!remote->was_complete()) remote->go_on();
    return remote->when_there(rows, [&] { return make_here(request, rows); });
}

MadeBatch BatchMaker::make_here(const StepRequest& request, std::span<const RowRef> rows) {
    const std::int64_t now = look_clock();
    std::vector<ShardPool::Lease> leases;
    for (const SequenceSource& source : sources) {
        source.store->look_around(now);
        if (source.store->needs_lease()) leases.push_back(source.store->lease());  // else it takes no memory
    }
    if (denoising) {
        return make_pair_batch(sources, rows, *denoising, rooms, format, buffers, request.memory,
                               request.num_threads, now);
    }
    const Objective* const put_on = request.objective ? request.objective.get() : objective.get();
    return make_batch(sources, rows, request.row_length, format, buffers, request.memory, request.num_threads,
                      now, put_on);
}

}  // namespace pypack
