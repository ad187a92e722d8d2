// Lengths of documents of a store by their numbers.
#pragma once

#include <cstdint>
#include <span>

#include "common/buffer.hpp"
#include "common/types.hpp"

namespace pypack {

// lengths[documents[i]] for each i. Throws std::out_of_range for a document that is none.
[[nodiscard]] Buffer<Length> lengths_of(std::span<const Length> lengths,
                                        std::span<const std::int64_t> documents, int num_threads);

}  // namespace pypack
