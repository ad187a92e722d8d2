// Documents as a caller holds them, and their UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pypack {

enum class TextEncoding : std::uint8_t {
    kAscii,   // known to be ASCII
    kUtf8,    // to be checked
    kLatin1,  // one byte a code point
    kUcs2,    // two
    kUcs4,    // four
};

// `size` code units at `data`, which stays the caller's.
struct TextView {
    const void* data;
    std::size_t size;
    TextEncoding encoding;
};

// Bytes of the text as it is held, for sharing out work.
[[nodiscard]] inline std::size_t size_in_bytes(const TextView& text) {
    switch (text.encoding) {
        case TextEncoding::kUcs2:
            return 2 * text.size;
        case TextEncoding::kUcs4:
            return 4 * text.size;
        default:
            return text.size;
    }
}

// Bytes that as_utf8 needs at most, a few of them only on the way; none for a text that is taken in place.
[[nodiscard]] std::size_t most_utf8_room(const TextView& text);
// The same to the byte, which takes a pass over the text.
[[nodiscard]] std::size_t utf8_room(const TextView& text);

// The text as valid UTF-8: in place where it is that already, else at `memory`, which has utf8_room(text).
// Throws std::invalid_argument, saying where, if the text has no such form.
[[nodiscard]] std::string_view as_utf8(const TextView& text, char* memory);

}  // namespace pypack
