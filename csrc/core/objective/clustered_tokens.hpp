// Replacing of tokens by others of a cluster that is hard to tell from their own.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/instructions.hpp"
#include "objective/objective.hpp"

namespace pypack {

// Token ids in clusters: those of cluster c are members[firsts[c]] .. members[firsts[c + 1]], at least one.
// cluster_of[id] is that of an id, or -1: it is neither replaced nor a replacement, as are ids beyond.
struct TokenClusters {
    std::vector<std::int32_t> cluster_of;
    std::vector<std::uint32_t> members;
    std::vector<std::int64_t> firsts;

    [[nodiscard]] std::size_t size() const { return firsts.size() - 1; }
};

// Tokens that `choosing` has chosen, and left as they are, become tokens of a cluster that is drawn by the
// row of their own cluster in `rising` (clusters x clusters sums of weights, each row rising to above 0), any
// of its tokens with the same chance. Throws std::invalid_argument for sums that do not fit.
[[nodiscard]] std::shared_ptr<Objective> clustered_tokens(std::shared_ptr<const Objective> choosing,
                                                          std::shared_ptr<const TokenClusters> clusters,
                                                          std::vector<std::uint64_t> rising,
                                                          Instructions instructions);

}  // namespace pypack
