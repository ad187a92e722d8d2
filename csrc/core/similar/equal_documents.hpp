// Documents of the same ids.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "common/buffer.hpp"
#include "store/store_view.hpp"

namespace pypack {

// 128 bits of the ids of a document: a function of their values, whatever type the store has.
[[nodiscard]] std::array<std::uint64_t, 2> ids_hash(std::span<const std::uint32_t> ids);

// The first document with the same ids (its own number, if it is the first), of each document. By `ids_hash`,
// which tells other ids apart but for a chance of 2^-128 times the number of pairs. 40 bytes a document.
[[nodiscard]] Buffer<std::int64_t> first_equals(const StoreView& store, int num_threads);

}  // namespace pypack
