// Moving the words of spans that fill their sequences to where a stride maps them.
#pragma once

#include <cstdint>

#include "pack/best_fit/full_words.hpp"
#include "pack/best_fit/stride.hpp"

namespace pypack {

// out[stride.at(i)] = words[i] for all i in [0, size).
void permute_words(const GoldenStride& stride, std::int64_t size, int num_threads, const std::uint64_t* words,
                   const FullWords& out);

}  // namespace pypack
