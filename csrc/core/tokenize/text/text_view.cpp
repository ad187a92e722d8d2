#include "tokenize/text/text_view.hpp"

#include <cstring>
#include <stdexcept>
#include <string>

#include "common/instructions.hpp"
#include "common/simd.hpp"
#include "tokenize/unicode/utf8.hpp"
#include "tokenize/unicode/utf8_encode.hpp"

namespace pypack {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080ULL;

// The bytes of ASCII at `from`.
std::size_t ascii_end(std::string_view text, std::size_t from) {
    std::size_t at = from;
    for (; at + 32 <= text.size(); at += 32) {
        std::uint64_t words[4];
        std::memcpy(words, text.data() + at, sizeof words);
        if (((words[0] | words[1] | words[2] | words[3]) & kHighBits) != 0) break;
    }
    while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
    return at;
}

// Bytes of the character at p, 0 if it is none (Unicode 16, table 3-7).
std::size_t character_bytes(const unsigned char* p, std::size_t left) {
    const unsigned lead = p[0];
    if (lead < 0xC2 || lead > 0xF4) return 0;
    const std::size_t size = utf8_length(static_cast<char>(lead));
    if (size > left) return 0;
    unsigned lowest = 0x80;
    unsigned highest = 0xBF;
    if (lead == 0xE0) lowest = 0xA0;
    if (lead == 0xED) highest = 0x9F;
    if (lead == 0xF0) lowest = 0x90;
    if (lead == 0xF4) highest = 0x8F;
    if (p[1] < lowest || p[1] > highest) return 0;
    for (std::size_t i = 2; i < size; ++i) {
        if ((p[i] & 0xC0) != 0x80) return 0;
    }
    return size;
}

template <typename Unit, std::size_t size>
bool is_ascii_block(const Unit* units) {
    Unit all = 0;
    for (std::size_t i = 0; i < size; ++i) all = static_cast<Unit>(all | units[i]);
    return all < 0x80;
}

template <typename Unit>
std::string_view encode(const void* data, std::size_t size, char* memory) {
    const auto* const units = static_cast<const Unit*>(data);
    char* out = memory;
    // Text in a wider form is mostly ASCII as well: one curly quote in a page of English widens all of it.
    constexpr std::size_t kBlock = 16;
    for (std::size_t i = 0; i < size; ++i) {
        if (i + kBlock <= size) {
#if PYPACK_X86_DISPATCH
            if (has_avx2()) i = encode_blocks(units, i, size, out);
#endif
            for (; i + kBlock <= size && is_ascii_block<Unit, kBlock>(units + i); i += kBlock) {
                for (std::size_t j = 0; j < kBlock; ++j) out[j] = static_cast<char>(units[i + j]);
                out += kBlock;
            }
            if (i == size) break;
        }
        const auto code_point = static_cast<char32_t>(units[i]);
        if (code_point >= 0xD800 && code_point < 0xE000) {
            throw std::invalid_argument("lone surrogate at character " + std::to_string(i) +
                                        "; it has no UTF-8 form");
        }
        out += encode_utf8(code_point, out);
    }
    return {memory, static_cast<std::size_t>(out - memory)};
}

template <typename Unit>
std::size_t utf8_size(const void* data, std::size_t size) {
    const auto* const units = static_cast<const Unit*>(data);
    std::size_t bytes = size;
    for (std::size_t i = 0; i < size; ++i) {
        const auto code_point = static_cast<std::uint32_t>(units[i]);
        bytes += std::size_t{code_point >= 0x80} + std::size_t{code_point >= 0x800} +
                 std::size_t{code_point >= 0x10000};
    }
    return bytes;
}

}  // namespace

std::size_t valid_utf8_prefix(std::string_view text) {
    const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t at = 0;
    while (at < text.size()) {
        if (bytes[at] < 0x80) {
            at = ascii_end(text, at);
            continue;
        }
        const std::size_t size = character_bytes(bytes + at, text.size() - at);
        if (size == 0) break;
        at += size;
    }
    return at;
}

std::size_t most_utf8_room(const TextView& text) {
    switch (text.encoding) {
        case TextEncoding::kAscii:
        case TextEncoding::kUtf8:
            break;
        case TextEncoding::kLatin1:
            return 2 * text.size + kEncodeSlack;
        case TextEncoding::kUcs2:
            return 3 * text.size + kEncodeSlack;
        case TextEncoding::kUcs4:
            return 4 * text.size + kEncodeSlack;
    }
    return 0;
}

std::size_t utf8_room(const TextView& text) {
    switch (text.encoding) {
        case TextEncoding::kAscii:
        case TextEncoding::kUtf8:
            break;
        case TextEncoding::kLatin1:
            return utf8_size<std::uint8_t>(text.data, text.size) + kEncodeSlack;
        case TextEncoding::kUcs2:
            return utf8_size<std::uint16_t>(text.data, text.size) + kEncodeSlack;
        case TextEncoding::kUcs4:
            return utf8_size<std::uint32_t>(text.data, text.size) + kEncodeSlack;
    }
    return 0;
}

std::string_view as_utf8(const TextView& text, char* memory) {
    switch (text.encoding) {
        case TextEncoding::kAscii:
            break;
        case TextEncoding::kUtf8: {
            const std::string_view bytes(static_cast<const char*>(text.data), text.size);
            const std::size_t valid = valid_utf8_prefix(bytes);
            if (valid != text.size) {
                throw std::invalid_argument("invalid UTF-8 at byte " + std::to_string(valid));
            }
            break;
        }
        case TextEncoding::kLatin1:
            return encode<std::uint8_t>(text.data, text.size, memory);
        case TextEncoding::kUcs2:
            return encode<std::uint16_t>(text.data, text.size, memory);
        case TextEncoding::kUcs4:
            return encode<std::uint32_t>(text.data, text.size, memory);
    }
    return {static_cast<const char*>(text.data), text.size};
}

}  // namespace pypack
