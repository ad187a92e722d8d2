// A span as one word, so that it is written to its place at once: its document, and its last token in it.
// Pieces begin at multiples of a sequence, so that the last token tells the first.
#pragma once

#include <cstdint>

#include "common/types.hpp"

namespace pypack {

[[nodiscard]] inline std::uint64_t span_word(std::uint32_t document, Length last) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(last)) << 32 | document;
}

// words[i] -> the document of span i; its start and length beside it.
void split_words(std::int64_t* words, Length* starts, Length* lengths, std::int64_t size,
                 Length sequence_length);

// The same where all spans begin at the start of their documents.
void split_plain_words(std::int64_t* words, Length* starts, Length* lengths, std::int64_t size);

}  // namespace pypack
