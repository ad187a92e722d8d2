// Bytes that are written to a file and summed on the way.
#pragma once

#include <cstdint>
#include <string_view>

namespace pypack {

// Writes bytes into an open file from `at` on. Returns the CRC-32C of bytes that follow those whose checksum
// is `before`. It does both a piece at a time, so that each is still in the processor's own memory at the
// second. Throws std::system_error with the system's number where the disk does not take them.
[[nodiscard]] std::uint32_t write_summed(int descriptor, std::string_view bytes, std::int64_t at,
                                         std::uint32_t before);

// Has a file system find the room for `size` bytes from `at` on at once, which is sooner done than a page at
// a time. A wish where it has no such call; throws std::system_error where there is no room.
void make_file_room(int descriptor, std::int64_t at, std::int64_t size);

}  // namespace pypack
