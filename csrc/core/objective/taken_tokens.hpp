// The tokens at chosen places, where most may be chosen.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/instructions.hpp"
#include "objective/token_set.hpp"

namespace pypack {

// tokens[i] = ids[places[i]]; both have room for eight more. Returns false, with some of them written, where
// one is in `never`. `instructions`: resolved.
template <typename Id>
[[nodiscard]] bool take_plain(const Id* ids, const std::uint32_t* places, std::size_t count,
                              const TokenSet& never, Instructions instructions, std::uint32_t* tokens);

}  // namespace pypack
