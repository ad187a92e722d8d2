// Token ids in memory (uint32) to the bytes of a .bin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/types.hpp"
#include "store/token_dtype.hpp"

namespace pypack {

// Writes the rows values[offsets[i] .. offsets[i+1]) end to end as items of `dtype`, each between `begin_ids`
// and `end_ids`, into `out`, which must have exactly the room. Throws std::invalid_argument that names the
// row of an id that is not below `vocab_size`. `first_row` is added to the row in messages.
void encode_documents(std::span<const TokenId> values, std::span<const Offset> offsets,
                      std::span<const TokenId> begin_ids, std::span<const TokenId> end_ids,
                      std::int64_t vocab_size, TokenDtype dtype, std::int64_t first_row,
                      std::span<std::byte> out);

}  // namespace pypack
