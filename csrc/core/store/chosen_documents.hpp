// Documents of a store by a mask, and their lengths.
#pragma once

#include <cstdint>
#include <span>

#include "common/buffer.hpp"
#include "common/instructions.hpp"
#include "common/types.hpp"

namespace pypack {

// Numbers of the documents whose byte of the mask is not 0, rising.
[[nodiscard]] Buffer<std::int64_t> documents_of_mask(std::span<const std::uint8_t> mask, int num_threads,
                                                     Instructions instructions = Instructions::kBest);

// lengths[documents[i]] for each i. Throws std::out_of_range for a document that is none.
[[nodiscard]] Buffer<Length> lengths_of(std::span<const Length> lengths,
                                        std::span<const std::int64_t> documents, int num_threads);

}  // namespace pypack
