// Decimal numbers as `tokenizers` reads them.
#pragma once

#include <string_view>

namespace pypack {

// serde_json (without its float_roundtrip) takes the digits as a 64-bit integer and multiplies or divides it
// by a power of ten, so that one number in six of 17 digits is off by one unit in the last place. Unigram
// compares sums of such numbers; to break ties as the library does, ours must be off in the same way.
// Throws std::invalid_argument for what is not a JSON number, or is above the range of double.
[[nodiscard]] double parse_serde_number(std::string_view text);

}  // namespace pypack
