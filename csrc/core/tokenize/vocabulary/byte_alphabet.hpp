// GPT-2's byte alphabet: a character for each byte, so that bytes can be written as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pypack {

// The byte that a character of the alphabet stands for, or -1.
[[nodiscard]] int byte_of_alphabet(char32_t code_point);
// The character that stands for a byte.
[[nodiscard]] char32_t alphabet_of_byte(unsigned char byte);

// The bytes that a byte-level token stands for; nullopt if it holds a character outside the alphabet.
[[nodiscard]] std::optional<std::string> bytes_of_token(std::string_view token);

}  // namespace pypack
