// Lists of numbers in pickles: as opcodes, and out of them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/buffer.hpp"
#include "convert/byte_rows.hpp"

namespace pypack {

// The opcodes of numbers from 0 to 2^31-1, row by row: K and a byte, M and two, or J and four.
template <typename Number>
[[nodiscard]] ByteRows pickle_numbers(std::span<const Number> values, std::span<const std::int64_t> offsets);

struct PickledList {
    enum class Kind { kOther, kInts, kFloats, kFlags };
    static constexpr std::int64_t kNotRemembered = -1, kNextPlace = -2;

    Kind kind = Kind::kOther;
    Buffer<std::int32_t> ints;
    Buffer<double> floats;
    Buffer<std::uint8_t> flags;
    std::int64_t memo = kNotRemembered;  // the place that the list is remembered under
    std::int64_t end = 0;                // behind its last opcode
};

// The list that the opcodes from `at` on fill, right behind the one that made it: it may be remembered, then
// numbers of one kind (K, M, J; G; true and false) are appended, with frames between. `kOther`: it is empty,
// holds something else, or is cut off.
[[nodiscard]] PickledList read_pickled_list(std::string_view pickle, std::int64_t at);

}  // namespace pypack
