#include "convert/byte_rows.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "common/checked.hpp"

namespace pypack {

void check_bounds(std::span<const std::int64_t> bounds, std::size_t size) {
    if (bounds.empty() || bounds.front() < 0 || bounds.back() > static_cast<std::int64_t>(size) ||
        !std::is_sorted(bounds.begin(), bounds.end())) {
        throw std::invalid_argument("bounds must not be empty, must not fall, and must stay within the data");
    }
}

ByteRows interleave_rows(std::span<const ByteRowsView> parts) {
    if (parts.empty()) throw std::invalid_argument("there must be a part");
    const std::size_t edges = parts.front().bounds.size();
    std::int64_t total = 0;
    for (const ByteRowsView& part : parts) {
        check_bounds(part.bounds, part.data.size());
        if (part.bounds.size() != edges) throw std::invalid_argument("parts must have as many rows");
        total = checked_add(total, part.bounds.back() - part.bounds.front(), "bytes");
    }
    ByteRows rows{Buffer<std::uint8_t>(total), Buffer<std::int64_t>(static_cast<std::int64_t>(edges))};
    std::uint8_t* out = rows.data.data();
    rows.bounds[0] = 0;
    for (std::size_t row = 0; row + 1 < edges; ++row) {
        for (const ByteRowsView& part : parts) {
            const auto size = static_cast<std::size_t>(part.bounds[row + 1] - part.bounds[row]);
            if (size == 0) continue;
            std::memcpy(out, part.data.data() + part.bounds[row], size);
            out += size;
        }
        rows.bounds[static_cast<std::int64_t>(row) + 1] = out - rows.data.data();
    }
    return rows;
}

ByteRows slice_rows(std::span<const std::uint8_t> data, std::span<const std::int64_t> starts,
                    std::span<const std::int64_t> lengths) {
    if (starts.size() != lengths.size()) {
        throw std::invalid_argument("starts and lengths must have as many rows");
    }
    const auto size = static_cast<std::int64_t>(data.size());
    std::int64_t total = 0;
    for (std::size_t row = 0; row < starts.size(); ++row) {
        if (starts[row] < 0 || lengths[row] < 0 || starts[row] > size || lengths[row] > size - starts[row]) {
            throw std::invalid_argument("a row leaves the data");
        }
        total = checked_add(total, lengths[row], "bytes");
    }
    ByteRows rows{Buffer<std::uint8_t>(total),
                  Buffer<std::int64_t>(static_cast<std::int64_t>(starts.size()) + 1)};
    std::int64_t at = 0;
    rows.bounds[0] = 0;
    for (std::size_t row = 0; row < starts.size(); ++row) {
        if (lengths[row] > 0) {
            std::memcpy(rows.data.data() + at, data.data() + starts[row],
                        static_cast<std::size_t>(lengths[row]));
        }
        at += lengths[row];
        rows.bounds[static_cast<std::int64_t>(row) + 1] = at;
    }
    return rows;
}

}  // namespace pypack
