#include "pack/balance/lpt_to_rank.hpp"

#include <numeric>
#include <stdexcept>
#include <string>

#include "pack/balance/longest_first.hpp"
#include "pack/balance/sort_by_cost.hpp"
#include "pack/balance/sort_step.hpp"
#include "pack/balance/whole_step.hpp"

namespace pypack {

std::vector<std::int64_t> lpt_to_rank(std::span<const std::int64_t> costs, std::int64_t ranks,
                                      std::int64_t rank, double even) {
    const auto n = static_cast<std::int64_t>(costs.size());
    if (ranks < 1 || rank < 0 || rank >= ranks || n % ranks != 0) {
        throw std::invalid_argument(std::to_string(n) + " items cannot be dealt to rank " +
                                    std::to_string(rank) + " of " + std::to_string(ranks));
    }
    if (n > std::int64_t{1} << 31) throw std::invalid_argument("a step can have at most 2^31 items");
    if (n == 0) return {};
    std::int64_t all_bits = 0;  // no cost is above it
    for (const std::int64_t cost : costs) all_bits |= cost;
    if (all_bits < 0) throw std::invalid_argument("costs must not be negative");
    struct Memory {
        StepSorter sorter;
        WholeStep whole;
        CostSorter any_sorter;
        LongestFirst any;
        std::vector<double> costs;
        std::vector<std::int64_t> order;
    };
    thread_local Memory memory;
    const std::size_t count = costs.size() / static_cast<std::size_t>(ranks);
    std::vector<std::int64_t> mine;
    mine.reserve(count);
    if (WholeStep::fits(static_cast<double>(all_bits), static_cast<std::size_t>(ranks), count)) {
        memory.sorter.sort(costs);
        memory.whole.deal_out(memory.sorter.costs(), static_cast<std::size_t>(ranks), even);
        for (const std::uint32_t place : memory.whole.of_rank(static_cast<std::size_t>(rank))) {
            mine.push_back(memory.sorter.order()[place]);
        }
        return mine;
    }
    memory.costs.assign(costs.begin(), costs.end());
    memory.order.resize(costs.size());
    std::iota(memory.order.begin(), memory.order.end(), std::int64_t{0});
    memory.any_sorter.sort(memory.order, memory.costs);
    memory.any.start(memory.costs, static_cast<std::size_t>(ranks), count, even);
    memory.any.deal_out(memory.order);
    const auto first = memory.order.begin() + rank * static_cast<std::int64_t>(count);
    mine.assign(first, first + static_cast<std::ptrdiff_t>(count));
    return mine;
}

}  // namespace pypack
