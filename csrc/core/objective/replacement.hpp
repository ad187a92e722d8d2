// What stands in the place of a token that is to be foretold: a mask, any token, or the token itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/instructions.hpp"
#include "objective/chosen_bits.hpp"

namespace pypack {

// 32 random bits of a token decide which of these becomes of it.
struct Replacement {
    std::uint64_t mask_below = 0;  // in units of 2^-32: the chance of a mask,
    std::uint64_t word_below = 0;  // and of a mask or a token drawn from the vocabulary
    std::uint32_t mask_id = 0;
    std::uint32_t vocab_size = 1;

    // tokens[i] replaces originals[i], by draws numbered from `first` on.
    void replace_in_order(std::uint64_t span_key, std::uint64_t first,
                          std::span<const std::uint32_t> originals, std::uint32_t* tokens) const;

    // The same with one draw.
    [[nodiscard]] std::uint32_t drawn(std::uint64_t draws, std::uint64_t index, std::uint32_t token) const;
};

// What becomes of the tokens of a span that are chosen, by their places.
class Kinds {
  public:
    // `instructions`: resolved.
    Kinds(std::uint64_t span_key, const Replacement& by, Instructions instructions);

    // Bits of `count` tokens from `first` on, as of TokenNumbers: those that would be masked, and those that
    // would, or would become any of the vocabulary.
    void sort(std::int64_t first, std::int64_t count, std::uint64_t* masked, std::uint64_t* replaced) const;

    // Puts a token of the vocabulary to ids[first + i] for every bit i of so many words that is 1.
    template <typename Id>
    void replace(const std::uint64_t* bits, std::int64_t words, std::int64_t first, Id* ids) const;

  private:
    TokenNumbers numbers_;
    Replacement by_;
    std::uint64_t draws_;
    Instructions instructions_;
};

}  // namespace pypack
