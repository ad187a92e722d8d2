#include "batch/batch_maker.hpp"

#include <algorithm>
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

// The span lengths of the first rows, those of one source; none for empty and damaged ones. Returns how many.
// Each pass asks for the cache lines that the next one reads.
std::size_t find_lengths(const PlanView& plan, std::span<const RowRef> rows, std::span<const Length>* out) {
    const std::int64_t* const offsets = plan.sequence_offsets.data();
    const auto sequences = static_cast<std::uint64_t>(plan.num_sequences());
    const std::int32_t source = rows.front().source;
    std::size_t count = 0;
    for (; count < rows.size() && rows[count].source == source; ++count) {
        prefetch(offsets + std::max<std::int64_t>(rows[count].sequence, 0));
    }
    const Length* const lengths = plan.span_length.data();
    const std::int64_t spans = plan.num_spans();
    for (std::size_t i = 0; i < count; ++i) {
        const auto sequence = static_cast<std::uint64_t>(rows[i].sequence);
        std::int64_t first = 0;
        std::int64_t last = 0;
        if (sequence < sequences) {  // kEmptyRow is not
            first = offsets[sequence];
            last = offsets[sequence + 1];
        }
        const bool is_good = first >= 0 && last > first && last <= spans;
        out[i] = is_good ? std::span(lengths + first, static_cast<std::size_t>(last - first))
                         : std::span<const Length>();
        prefetch(out[i].data());
    }
    return count;
}

// Of one segment, of all tokens of the row.
std::int64_t cost_with_literals(const PlanView& plan, const RowRef& row, std::span<const Length> lengths) {
    if (lengths.empty()) return 0;
    auto tokens = static_cast<std::uint64_t>(plan.num_literals(static_cast<std::size_t>(row.sequence)));
    for (const std::int64_t length : lengths) tokens += static_cast<std::uint64_t>(length);
    return static_cast<std::int64_t>(tokens * tokens & std::numeric_limits<std::int64_t>::max());
}

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

void BatchMaker::check_source(const RowRef& row, std::int64_t now) const {
    if (row.source < 0 || static_cast<std::size_t>(row.source) >= sources.size()) {
        throw std::out_of_range("source " + std::to_string(row.source) + " of " +
                                std::to_string(sources.size()));
    }
    sources[static_cast<std::size_t>(row.source)].look_at_plan(now);
}

// Of attention: the sum of squared span lengths. Damaged rows cost nothing here, resolve_rows names them. The
// rows of all ranks are looked at, each a random place of two files.
std::span<const std::int64_t> BatchMaker::attention_costs(std::span<const RowRef> rows) const {
    if (!remote) return costs_here(rows);
    const std::int64_t now = look_clock();
    for (const RowRef& row : rows) check_source(row, now);
    const auto lengths = [&](const auto& ask) { for_lengths_of_rows(sources, rows, ask); };
    return remote->when_plan_there(lengths, [&] { return costs_here(rows); });
}

std::span<const std::int64_t> BatchMaker::costs_here(std::span<const RowRef> rows) const {
    struct Memory {
        std::vector<std::span<const Length>> lengths;
        std::vector<std::uint64_t> squares;
        std::vector<std::int64_t> costs;
    };
    thread_local Memory memory;  // every step of every rank needs it
    auto& [lengths, squares, costs] = memory;
    lengths.resize(rows.size());
    squares.resize(rows.size());
    costs.resize(rows.size());
    const std::int64_t now = look_clock();
    bool any_literals = false;
    for (std::size_t begin = 0; begin < rows.size();) {  // mostly many rows of one source come together
        check_source(rows[begin], now);
        const PlanView& plan = sources[static_cast<std::size_t>(rows[begin].source)].plan;
        any_literals |= plan.literals.any();
        begin += find_lengths(plan, rows.subspan(begin), lengths.data() + begin);
    }
    square_sums(lengths, squares.data());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        // A row is at most 2^31 - 1 tokens, so that its cost fits; a damaged plan may say otherwise.
        costs[i] = static_cast<std::int64_t>(squares[i] & std::numeric_limits<std::int64_t>::max());
    }
    for (std::size_t i = 0; any_literals && i < rows.size(); ++i) {
        const PlanView& plan = sources[static_cast<std::size_t>(rows[i].source)].plan;
        if (plan.literals.any()) costs[i] = cost_with_literals(plan, rows[i], lengths[i]);
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
