#include "tokenize/text/text_view.hpp"

#include <cstring>
#include <stdexcept>
#include <string>

#include "common/instructions.hpp"
#include "common/simd.hpp"
#include "common/valid_utf8.hpp"
#include "tokenize/unicode/utf8.hpp"
#include "tokenize/unicode/utf8_encode.hpp"

namespace pypack {
namespace {

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
