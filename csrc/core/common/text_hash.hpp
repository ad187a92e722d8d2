// Hashes of many texts that lie end to end, as Arrow has them.
#pragma once

#include <cstdint>
#include <span>

namespace pypack {

// out[i] = a hash of bytes [offsets[i], offsets[i + 1]). Throws std::invalid_argument for offsets that fall,
// or leave the bytes. Not for keys of an adversary: equal hashes are told apart by who compares the texts.
void text_hashes(std::span<const std::uint8_t> bytes, std::span<const std::int64_t> offsets,
                 std::span<std::uint64_t> out);

}  // namespace pypack
