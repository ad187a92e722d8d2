// Rows of bytes: put together of parts, and taken out of files.
#pragma once

#include <cstdint>
#include <span>

#include "common/buffer.hpp"

namespace pypack {

// Bytes, and where those of each row begin: int64 [rows + 1].
struct ByteRows {
    Buffer<std::uint8_t> data;
    Buffer<std::int64_t> bounds;
};

// Row r is data[bounds[r] .. bounds[r + 1]).
struct ByteRowsView {
    std::span<const std::uint8_t> data;
    std::span<const std::int64_t> bounds;
};

// Rows of the bytes of all parts, one part after another. Throws std::invalid_argument where parts have not
// as many rows, or bounds fall or leave the data.
[[nodiscard]] ByteRows interleave_rows(std::span<const ByteRowsView> parts);

// The rows data[starts[r] .. starts[r] + lengths[r]), end to end. Throws std::invalid_argument where one
// leaves the data.
[[nodiscard]] ByteRows slice_rows(std::span<const std::uint8_t> data, std::span<const std::int64_t> starts,
                                  std::span<const std::int64_t> lengths);

// Throws std::invalid_argument where bounds are empty, fall, or leave `size` items.
void check_bounds(std::span<const std::int64_t> bounds, std::size_t size);

}  // namespace pypack
