// Where the sequences of one length stand in a plan.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/types.hpp"

namespace pypack {

// Neighbouring sequences of one capacity.
struct CapacityRun {
    Length capacity;
    std::int64_t first;
    std::int64_t count;
};

[[nodiscard]] inline std::vector<CapacityRun> capacity_runs(std::span<const Length> capacities) {
    std::vector<CapacityRun> runs;
    for (std::size_t i = 0; i < capacities.size(); ++i) {
        if (runs.empty() || runs.back().capacity != capacities[i]) {
            runs.push_back({capacities[i], static_cast<std::int64_t>(i), 0});
        }
        ++runs.back().count;
    }
    return runs;
}

}  // namespace pypack
