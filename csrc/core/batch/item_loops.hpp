// The loops over the items of a batch, compiled for the vectors that the machine has.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/instructions.hpp"

namespace pypack {

// Token is any type of token_dtype.hpp, Id std::int64_t or std::int32_t.

// out[i] = tokens[i]
template <typename Token, typename Id>
void widen(const Token* tokens, std::int64_t n, Id* out);

// a[i] = b[i] = tokens[i]
template <typename Token, typename Id>
void widen_twice(const Token* tokens, std::int64_t n, Id* a, Id* b);

// ids[i] = tokens[i]; labels[i] the same where bit first_bit + i of `mask` is 1 (store/mask_bits.hpp), else
// kIgnoreLabel. No byte of the mask is read but those that hold the n bits.
template <typename Token, typename Id>
void widen_masked(const Token* tokens, std::int64_t n, Id* ids, Id* labels, const std::byte* mask,
                  std::int64_t first_bit, Instructions instructions = Instructions::kBest);

// out[i] = first + i
template <typename Id>
void count_up(Id* out, std::int64_t n, Id first);

// out[i] = value
template <typename Id>
void set_all(Id* out, std::int64_t n, Id value);

}  // namespace pypack
