// Lower case of one character without its surroundings, as Rust's char::to_lowercase has it (Unicode 17 in
// `tokenizers` 0.23).
#pragma once

#include <cstdint>

namespace pypack::unicode {

extern const std::int32_t kLowercaseShifts[];
extern const std::uint8_t kLowercaseBlocks[];
extern const std::uint8_t kLowercaseValues[];

// The one character whose lower case is two: U+0069 U+0307. lowercase() leaves it alone.
inline constexpr char32_t kDottedCapitalI = 0x130;

[[nodiscard]] inline char32_t lowercase(char32_t code_point) {
    const auto block = kLowercaseBlocks[code_point >> 7];
    const auto shift = kLowercaseShifts[kLowercaseValues[block << 7 | (code_point & 127)]];
    return static_cast<char32_t>(static_cast<std::int32_t>(code_point) + shift);
}

}  // namespace pypack::unicode
