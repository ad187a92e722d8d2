// Spans of tokens as inputs of an encoder and targets of a decoder, in T5's way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/instructions.hpp"
#include "common/types.hpp"
#include "objective/noise_runs.hpp"
#include "objective/pair_sizes.hpp"

namespace pypack {

// Where a span's items go on each side, and what keeps its run lengths. Id: std::int64_t or std::int32_t.
template <typename Id>
struct PairItems {
    Id* inputs;
    Id* targets;
};

// A span of a plan.
struct PlanSpan {
    std::int64_t document;  // as the plan counts them
    Length start;
    Length length;
};

class Denoising {
  public:
    // `sentinels`: stand for the first, second, ... run that is left out. `modes`: of each denoiser, the
    // tokens in front of its inputs. `end`: behind each side, where the sizes have ends. Throws
    // std::invalid_argument where `modes` are not as the sizes count them.
    Denoising(PairSizes sizes, std::vector<std::uint32_t> sentinels,
              std::vector<std::vector<std::uint32_t>> modes, std::uint32_t end, std::uint32_t start,
              Instructions instructions);

    [[nodiscard]] const PairSizes& sizes() const { return sizes_; }
    // What a decoder is given before the first target.
    [[nodiscard]] std::uint32_t start() const { return start_; }

    // Writes a span: exactly the items that its sizes say. `key`: of its draws. Returns the tokens of its
    // prefix, or -1 where runs are left out: `runs` is then of this span. Throws std::invalid_argument for
    // more runs than there are sentinels.
    template <typename Token, typename Id>
    Length write(const PlanSpan& span, std::uint64_t key, const Token* tokens, const PairItems<Id>& out,
                 NoiseRuns& runs) const;

  private:
    PairSizes sizes_;
    std::vector<std::uint32_t> sentinels_;
    std::vector<std::vector<std::uint32_t>> modes_;
    std::uint32_t end_;
    std::uint32_t start_;
    Instructions instructions_;
};

}  // namespace pypack
