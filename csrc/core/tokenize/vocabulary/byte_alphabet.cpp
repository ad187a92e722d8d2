#include "tokenize/vocabulary/byte_alphabet.hpp"

#include <array>

#include "tokenize/unicode/utf8.hpp"

namespace pypack {
namespace {

// Bytes 21-7E, A1-AC and AE-FF stand for themselves; the others, in order, for U+0100 and on.
constexpr bool stands_for_itself(unsigned byte) {
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct ByteAlphabet {
    std::array<char32_t, 256> characters{};
    std::array<int, 0x144> bytes{};

    constexpr ByteAlphabet() {
        for (int& byte : bytes) byte = -1;
        char32_t next = 0x100;
        for (unsigned byte = 0; byte < 256; ++byte) {
            const char32_t character = stands_for_itself(byte) ? byte : next++;
            characters[byte] = character;
            bytes[character] = static_cast<int>(byte);
        }
    }
};
constexpr ByteAlphabet kByteAlphabet;

}  // namespace

int byte_of_alphabet(char32_t code_point) {
    return code_point < kByteAlphabet.bytes.size() ? kByteAlphabet.bytes[code_point] : -1;
}

char32_t alphabet_of_byte(unsigned char byte) {
    return kByteAlphabet.characters[byte];
}

std::optional<std::string> bytes_of_token(std::string_view token) {
    std::string bytes;
    bytes.reserve(token.size());
    for (const char* p = token.data(); p < token.data() + token.size();) {
        const int byte = byte_of_alphabet(next_code_point(p));
        if (byte < 0) return std::nullopt;
        bytes.push_back(static_cast<char>(byte));
    }
    return bytes;
}

}  // namespace pypack
