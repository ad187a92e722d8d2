// Whole words among the tokens of a span, 64 tokens at a time.
#pragma once

#include <cstdint>

namespace pypack {

// What the tokens before say of the next one.
class WholeWords {
  public:
    // All tokens of the words whose first token is chosen. Of `count` tokens, at most 64: those that are
    // chosen, those that begin a word, and those of no word, which are words by themselves and end the one
    // before them. A sum carries every chosen word's bit through the bits behind it that continue words, up
    // to the next start, which is 0.
    [[nodiscard]] std::uint64_t choose(std::uint64_t chosen, std::uint64_t begin, std::uint64_t never,
                                       std::int64_t count) {
        const std::uint64_t starts = begin | never | never << 1 | starts_;
        const std::uint64_t counted = count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
        const std::uint64_t rest = counted & ~starts;
        const std::uint64_t begins = chosen & starts & counted;
        const std::uint64_t seeds = (begins << 1 | goes_on_) & rest;
        const std::uint64_t words = begins | (((rest + seeds) ^ rest) & rest);
        goes_on_ = words >> 63;
        starts_ = never >> 63;
        return words;
    }

  private:
    std::uint64_t goes_on_ = 0;  // the lowest bit: the last word is chosen, and may go on
    std::uint64_t starts_ = 1;   // a word begins here: the span does, or the last token was none of a word
};

}  // namespace pypack
