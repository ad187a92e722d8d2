// Position ids that are farther apart than the tokens are, so that short sequences train a model for long
// ones.
#pragma once

#include <cstdint>
#include <memory>

#include "common/instructions.hpp"
#include "objective/objective.hpp"

namespace pypack {

// PoSE (arXiv 2309.10400): a span of L tokens is cut in `chunks`, and each is shifted by at least as much as
// the one before, at most by target - L; the first not at all. Two chunks are cut behind 1 to ceil(L / 2)
// tokens, more at places drawn from all. Spans of `target` tokens and more stay as they are.
[[nodiscard]] std::shared_ptr<Objective> pose_positions(std::int64_t target, std::int64_t chunks);

// RandPos (arXiv 2305.16843): a sorted sample of the positions below `target`.
[[nodiscard]] std::shared_ptr<Objective> random_positions(std::int64_t target, Instructions instructions);

// LOGO (arXiv 2410.18533): between `head` tokens and `tail` tokens, which stand at the two ends of `target`
// positions, there are as many equal chunks, each in one of the windows that cover its part of the positions
// between. What is left over by their division belongs to the tail. Spans that are too short, or have
// `target` tokens and more, stay as they are.
[[nodiscard]] std::shared_ptr<Objective> logo_positions(std::int64_t target, std::int64_t chunks,
                                                        std::int64_t head, std::int64_t tail);

}  // namespace pypack
