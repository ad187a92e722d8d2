// The few scalar types that every kernel shares.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pypack {

using TokenId = std::uint32_t;  // in memory; uint16 or int32 on disk
using Offset = std::int64_t;    // positions and totals, in tokens or bytes
using Length = std::int32_t;    // tokens of one document (the store's on-disk type)

// Label that no loss counts; the value that torch's and Hugging Face's cross entropies ignore.
inline constexpr std::int64_t kIgnoreLabel = -100;

}  // namespace pypack
