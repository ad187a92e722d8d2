#include "convert/varints.hpp"

#include <algorithm>
#include <stdexcept>

namespace pypack {

namespace {

template <typename Number>
std::uint64_t wide(Number value) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
}

}  // namespace

template <typename Number>
ByteRows write_varints(std::span<const Number> values, std::span<const std::int64_t> offsets) {
    check_bounds(offsets, values.size());
    const auto first = static_cast<std::size_t>(offsets.front());
    const auto count = static_cast<std::size_t>(offsets.back()) - first;
    std::int64_t total = 0;
    for (const Number value : values.subspan(first, count)) total += varint_bytes(wide(value));
    ByteRows rows{Buffer<std::uint8_t>(total),
                  Buffer<std::int64_t>(static_cast<std::int64_t>(offsets.size()))};
    std::uint8_t* out = rows.data.data();
    rows.bounds[0] = 0;
    for (std::size_t row = 0; row + 1 < offsets.size(); ++row) {
        for (auto i = static_cast<std::size_t>(offsets[row]); i < static_cast<std::size_t>(offsets[row + 1]);
             ++i) {
            out = put_varint(out, wide(values[i]));
        }
        rows.bounds[static_cast<std::int64_t>(row) + 1] = out - rows.data.data();
    }
    return rows;
}

template ByteRows write_varints(std::span<const std::int64_t>, std::span<const std::int64_t>);
template ByteRows write_varints(std::span<const std::int32_t>, std::span<const std::int64_t>);

NumberRows read_varints(ByteRowsView rows) {
    check_bounds(rows.bounds, rows.data.size());
    const auto begin = static_cast<std::size_t>(rows.bounds.front());
    const auto end = static_cast<std::size_t>(rows.bounds.back());
    const auto bytes = rows.data.subspan(begin, end - begin);
    const auto count =
        std::count_if(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte < 128; });
    NumberRows found{Buffer<std::int64_t>(count),
                     Buffer<std::int64_t>(static_cast<std::int64_t>(rows.bounds.size()))};
    std::int64_t at = 0;
    found.offsets[0] = 0;
    for (std::size_t row = 0; row + 1 < rows.bounds.size(); ++row) {
        const std::uint8_t* next = rows.data.data() + rows.bounds[row];
        const std::uint8_t* const stop = rows.data.data() + rows.bounds[row + 1];
        while (next < stop) {
            std::uint64_t value = 0;
            int shift = 0;
            while (true) {
                if (next == stop) throw std::invalid_argument("a list of varints is cut off");
                if (shift == 7 * kMostVarintBytes) {
                    throw std::invalid_argument("a varint of more than ten bytes");
                }
                const std::uint8_t byte = *next++;
                value |= static_cast<std::uint64_t>(byte & 127) << shift;
                shift += 7;
                if (byte < 128) break;
            }
            found.values[at++] = static_cast<std::int64_t>(value);
        }
        found.offsets[static_cast<std::int64_t>(row) + 1] = at;
    }
    return found;
}

}  // namespace pypack
