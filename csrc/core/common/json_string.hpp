// Strings and values of JSON (RFC 8259) in valid UTF-8, read strictly.
#pragma once

#include "common/instructions.hpp"

namespace pypack {

// Bytes that `copy_json_string` may write behind the decoded text.
inline constexpr int kJsonStringSlack = 64;

// Decodes the string whose opening quote stands before `p`. `out` has room for the string's raw bytes
// (decoding never lengthens) and kJsonStringSlack more, and is moved behind what was written. Returns the
// place behind the closing quote, or nullptr if it is no string of valid UTF-8: a control character, a bad
// escape, a lone surrogate, an overlong or cut sequence, no end before `end`.
[[nodiscard]] const char* copy_json_string(const char* p, const char* end, char*& out,
                                           Instructions instructions = Instructions::kBest);

// The same without output.
[[nodiscard]] const char* skip_json_string(const char* p, const char* end);

// The place behind the value that begins at `p`, or nullptr if there is none. Also nullptr, because other
// parsers have limits there: nesting deeper than 64, numbers longer than 24 bytes or with exponents of more
// than two digits.
[[nodiscard]] const char* skip_json_value(const char* p, const char* end, int depth = 0);

// The same of a value that nobody asks for, in which Python's json is followed: NaN, Infinity, -Infinity,
// numbers of any length and lone surrogates in escapes are passed over.
[[nodiscard]] const char* skip_unread_json_value(const char* p, const char* end, int depth = 0);

[[nodiscard]] inline const char* skip_json_space(const char* p, const char* end) {
    while (p != end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) ++p;
    return p;
}

}  // namespace pypack
