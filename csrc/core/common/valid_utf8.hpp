// Whether bytes are UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

#include "common/instructions.hpp"

namespace pypack {

// The number of bytes at the start that are valid UTF-8, up to the first character that is not.
[[nodiscard]] std::size_t valid_utf8_prefix(std::string_view text,
                                            Instructions instructions = Instructions::kBest);

}  // namespace pypack
