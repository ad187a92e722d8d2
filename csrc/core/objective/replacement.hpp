// What stands in the place of a token that is to be foretold: a mask, any token, or the token itself.
#pragma once

#include <cstdint>
#include <span>

namespace pypack {

struct Replacement {
    std::uint64_t mask_below = 0;  // in units of 2^-32: the chance of a mask,
    std::uint64_t word_below = 0;  // and of a mask or a token drawn from the vocabulary
    std::uint32_t mask_id = 0;
    std::uint32_t vocab_size = 1;

    // tokens[i] replaces originals[i], of item places[i] of a span.
    void replace(std::uint64_t span_key, std::span<const std::uint32_t> places,
                 const std::uint32_t* originals, std::uint32_t* tokens) const;

    // The same with draws numbered from `first` on instead of by items.
    void replace_in_order(std::uint64_t span_key, std::uint64_t first,
                          std::span<const std::uint32_t> originals, std::uint32_t* tokens) const;

    // The same with one draw: the number of the draw instead of the item's.
    [[nodiscard]] std::uint32_t drawn(std::uint64_t draws, std::uint64_t index, std::uint32_t token) const;
};

}  // namespace pypack
