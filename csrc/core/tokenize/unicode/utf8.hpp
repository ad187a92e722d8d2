// UTF-8 that is known to be valid: the bindings refuse anything else before a kernel sees it.
#pragma once

#include <cstddef>
#include <string>

namespace pypack {

// Bytes of the character that begins with `lead`.
[[nodiscard]] inline std::size_t utf8_length(char lead) {
    const auto byte = static_cast<unsigned char>(lead);
    if (byte < 0x80) return 1;
    if (byte < 0xE0) return 2;
    return byte < 0xF0 ? 3 : 4;
}

[[nodiscard]] inline bool is_utf8_continuation(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

// The code point at `p`, which is moved past it.
[[nodiscard]] inline char32_t next_code_point(const char*& p) {
    const auto byte = [p](int i) { return static_cast<char32_t>(static_cast<unsigned char>(p[i])); };
    const char32_t lead = byte(0);
    if (lead < 0x80) {
        p += 1;
        return lead;
    }
    if (lead < 0xE0) {
        const char32_t code_point = (lead & 0x1F) << 6 | (byte(1) & 0x3F);
        p += 2;
        return code_point;
    }
    if (lead < 0xF0) {
        const char32_t code_point = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
        p += 3;
        return code_point;
    }
    const char32_t code_point =
        (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
    p += 4;
    return code_point;
}

// Writes code_point at `out` (room for 4 bytes); returns the bytes written.
inline std::size_t encode_utf8(char32_t code_point, char* out) {
    if (code_point < 0x80) {
        out[0] = static_cast<char>(code_point);
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = static_cast<char>(0xC0 | code_point >> 6);
        out[1] = static_cast<char>(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = static_cast<char>(0xE0 | code_point >> 12);
        out[1] = static_cast<char>(0x80 | (code_point >> 6 & 0x3F));
        out[2] = static_cast<char>(0x80 | (code_point & 0x3F));
        return 3;
    }
    out[0] = static_cast<char>(0xF0 | code_point >> 18);
    out[1] = static_cast<char>(0x80 | (code_point >> 12 & 0x3F));
    out[2] = static_cast<char>(0x80 | (code_point >> 6 & 0x3F));
    out[3] = static_cast<char>(0x80 | (code_point & 0x3F));
    return 4;
}

inline void append_utf8(char32_t code_point, std::string& out) {
    char bytes[4];
    out.append(bytes, encode_utf8(code_point, bytes));
}

}  // namespace pypack
