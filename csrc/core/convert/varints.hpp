// Whole numbers of varying size, as protocol buffers spell them.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "common/buffer.hpp"
#include "convert/byte_rows.hpp"

namespace pypack {

inline constexpr int kMostVarintBytes = 10;

[[nodiscard]] inline int varint_bytes(std::uint64_t value) {
    return (static_cast<int>(std::bit_width(value | 1)) + 6) / 7;
}

inline std::uint8_t* put_varint(std::uint8_t* out, std::uint64_t value) {
    while (value >= 128) {
        *out++ = static_cast<std::uint8_t>(value | 128);
        value >>= 7;
    }
    *out++ = static_cast<std::uint8_t>(value);
    return out;
}

// The varints of numbers (negative ones as those of 64 bits), row by row: `offsets` says where the numbers
// of each begin. Throws std::invalid_argument where they leave the values.
template <typename Number>
[[nodiscard]] ByteRows write_varints(std::span<const Number> values, std::span<const std::int64_t> offsets);

struct NumberRows {
    Buffer<std::int64_t> values;
    Buffer<std::int64_t> offsets;
};

// The numbers that rows of varints spell. Throws std::invalid_argument where a row ends inside a number, or
// a number has more than ten bytes.
[[nodiscard]] NumberRows read_varints(ByteRowsView rows);

}  // namespace pypack
