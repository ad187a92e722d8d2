// A span as one word, so that it is written to its place at once: its document, and its last token in it.
// Pieces begin at multiples of a sequence, so that the last token tells the first.
#pragma once

#include <cstdint>

#include "common/instructions.hpp"
#include "common/types.hpp"

namespace pypack {

[[nodiscard]] inline std::uint64_t span_word(std::uint32_t document, Length last) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(last)) << 32 | document;
}

// Of the word of a span that begins its sequence, where sequences are to be found by their spans.
inline constexpr std::uint64_t kBeginsSequence = std::uint64_t{1} << 63;

// out[k] = first + i for the k-th i in [0, size) whose word is marked so; how many there are. What is not
// marked may be written behind them, as far as there is room, for at least as many.
std::int64_t list_beginnings(const std::int64_t* words, std::int64_t size, std::int64_t first,
                             std::int64_t* out, std::int64_t room, Instructions instructions);

// words[i] -> the document of span i; its start and length beside it.
void split_words(std::int64_t* words, Length* starts, Length* lengths, std::int64_t size,
                 Length sequence_length);

// The same where all spans begin at the start of their documents.
void split_plain_words(std::int64_t* words, Length* starts, Length* lengths, std::int64_t size);

}  // namespace pypack
