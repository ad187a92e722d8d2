// CRC-32C (Castagnoli, as in iSCSI, RFC 3720): finds what a disk or a network changed by accident, at the
// speed of memory. It is no defence against intent.
#pragma once

#include <cstdint>
#include <string_view>

namespace pypack {

// The checksum of bytes whose beginning has the checksum `before` (0 for none) and whose rest are `bytes`.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

// The checksum of bytes end to end, from those of the first and of the `second_bytes` behind them.
[[nodiscard]] std::uint32_t crc32c_join(std::uint32_t first, std::uint32_t second,
                                        std::uint64_t second_bytes);

// The same as crc32c without special instructions, for machines that lack them and for tests.
[[nodiscard]] std::uint32_t crc32c_portable(std::string_view bytes, std::uint32_t before = 0);

}  // namespace pypack
