#include "common/json_string.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "common/instructions.hpp"
#include "common/json_string_blocks.hpp"
#include "common/valid_utf8.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace pypack {

namespace {

constexpr int kMaxDepth = 64;
constexpr std::ptrdiff_t kMaxNumberBytes = 24;
constexpr std::ptrdiff_t kMaxExponentDigits = 2;

[[nodiscard]] std::uint8_t byte_at(const char* p) {
    return static_cast<std::uint8_t>(*p);
}

// Bytes before the first that is a quote, a backslash, a control character or not ASCII.
template <bool Copy>
[[nodiscard]] const char* plain_run(const char* p, const char* end, char*& out) {
#if defined(__SSE2__)  // part of every x86-64
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1F);
    while (end - p >= 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        if constexpr (Copy) _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
        const __m128i special = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
            _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes), bytes));  // top bit: not ASCII
        const auto mask = static_cast<unsigned>(_mm_movemask_epi8(special));
        const int plain = mask == 0 ? 16 : std::countr_zero(mask);
        p += plain;
        if constexpr (Copy) out += plain;
        if (mask != 0) return p;
    }
#endif
    while (p != end && byte_at(p) >= 0x20 && byte_at(p) < 0x80 && *p != '"' && *p != '\\') {
        if constexpr (Copy) *out++ = *p;
        ++p;
    }
    return p;
}

// Length of the well-formed sequence of two to four bytes at `p` (Unicode Standard, table 3-7), 0 if none.
[[nodiscard]] int sequence_length(const char* p, const char* end) {
    const std::uint8_t lead = byte_at(p);
    const std::ptrdiff_t left = end - p;
    const auto within = [p](int i, std::uint8_t low, std::uint8_t high) {
        return byte_at(p + i) >= low && byte_at(p + i) <= high;
    };
    if (lead < 0xC2 || lead > 0xF4) return 0;
    if (lead < 0xE0) return left >= 2 && within(1, 0x80, 0xBF) ? 2 : 0;
    if (lead < 0xF0) {
        const std::uint8_t low = lead == 0xE0 ? 0xA0 : 0x80;
        const std::uint8_t high = lead == 0xED ? 0x9F : 0xBF;
        return left >= 3 && within(1, low, high) && within(2, 0x80, 0xBF) ? 3 : 0;
    }
    const std::uint8_t low = lead == 0xF0 ? 0x90 : 0x80;
    const std::uint8_t high = lead == 0xF4 ? 0x8F : 0xBF;
    return left >= 4 && within(1, low, high) && within(2, 0x80, 0xBF) && within(3, 0x80, 0xBF) ? 4 : 0;
}

// The four hexadecimal digits at `p`, -1 if they are not there.
[[nodiscard]] int hex4(const char* p, const char* end) {
    if (end - p < 4) return -1;
    int value = 0;
    for (int i = 0; i < 4; ++i) {
        const char c = p[i];
        int digit = 0;
        if (c >= '0' && c <= '9') {
            digit = c - '0';
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = (c | 0x20) - 'a' + 10;
        } else {
            return -1;
        }
        value = value << 4 | digit;
    }
    return value;
}

void put_code_point(int code_point, char*& out) {
    const auto put = [&out](int value) { *out++ = static_cast<char>(value); };
    if (code_point < 0x80) {
        put(code_point);
    } else if (code_point < 0x800) {
        put(0xC0 | code_point >> 6);
        put(0x80 | (code_point & 0x3F));
    } else if (code_point < 0x10000) {
        put(0xE0 | code_point >> 12);
        put(0x80 | (code_point >> 6 & 0x3F));
        put(0x80 | (code_point & 0x3F));
    } else {
        put(0xF0 | code_point >> 18);
        put(0x80 | (code_point >> 12 & 0x3F));
        put(0x80 | (code_point >> 6 & 0x3F));
        put(0x80 | (code_point & 0x3F));
    }
}

// Decodes \uXXXX, or the pair of a character beyond U+FFFF; `p` is behind the "\u".
template <bool Copy, bool Strict>
[[nodiscard]] const char* unicode_escape(const char* p, const char* end, char*& out) {
    int code_point = hex4(p, end);
    if (code_point < 0) return nullptr;
    p += 4;
    if constexpr (!Strict) return p;
    if (code_point >= 0xD800 && code_point < 0xE000) {
        if (code_point >= 0xDC00 || end - p < 6 || p[0] != '\\' || p[1] != 'u') return nullptr;
        const int low = hex4(p + 2, end);
        if (low < 0xDC00 || low >= 0xE000) return nullptr;
        code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
        p += 6;
    }
    if constexpr (Copy) put_code_point(code_point, out);
    return p;
}

// Decodes an escape; `p` is behind the backslash.
template <bool Copy, bool Strict>
[[nodiscard]] const char* escape(const char* p, const char* end, char*& out) {
    static constexpr std::string_view kNames = "\"\\/bfnrt";
    static constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
    if (p == end) return nullptr;
    if (*p == 'u') return unicode_escape<Copy, Strict>(p + 1, end, out);
    const auto which = kNames.find(*p);
    if (which == std::string_view::npos) return nullptr;
    if constexpr (Copy) *out++ = kValues[which];
    return p + 1;
}

// Reads on to something that is no character of its own: nullptr where what stands before it is no UTF-8,
// else the place of a quote, a backslash or a control character, or `end`.
template <bool Copy>
[[nodiscard]] const char* read_characters(const char* p, const char* end, char*& out) {
    p = plain_run<Copy>(p, end, out);
    while (p != end && byte_at(p) >= 0x80) {
        const int length = sequence_length(p, end);
        if (length == 0) return nullptr;
        if constexpr (Copy) {
            std::memcpy(out, p, static_cast<std::size_t>(length));
            out += length;
        }
        p += length;
    }
    return p;
}

template <bool Copy, bool Strict>
[[nodiscard]] const char* read_string(const char* p, const char* end, char*& out) {
    while (true) {
        p = read_characters<Copy>(p, end, out);
        if (p == nullptr || p == end || byte_at(p) < 0x20) return nullptr;
        if (*p == '"') return p + 1;
        if (*p != '\\') continue;
        p = escape<Copy, Strict>(p + 1, end, out);
        if (p == nullptr) return nullptr;
    }
}

#if PYPACK_X86_DISPATCH
// read_string<true, true> in blocks as long as there are any. Whether it is UTF-8 is asked at the end, of the
// decoded text: no escape completes a sequence that stands before it.
[[nodiscard]] const char* read_blocks(const char* p, const char* end, char*& out) {
    const char* const begin = p;
    char* const out_begin = out;
    bool has_others = false;
    const auto is_valid = [&] {
        const std::string_view text(out_begin, static_cast<std::size_t>(out - out_begin));
        return !has_others || valid_utf8_prefix(text) == text.size();
    };
    while (true) {
        p = copy_json_blocks(p, end, out, has_others);
        if (end - p < 64) break;
        if (*p == '"') return is_valid() ? p + 1 : nullptr;
        if (*p != '\\') return nullptr;  // a control character
        p = escape<true, true>(p + 1, end, out);
        if (p == nullptr) return nullptr;
    }
    // A character that the last block cut in two is read whole.
    for (int i = 0; i < 3 && p != begin && (byte_at(p - 1) & 0xC0) == 0x80; ++i) --p, --out;
    if (p != begin && byte_at(p - 1) >= 0xC0) --p, --out;
    if (!is_valid()) return nullptr;
    return read_string<true, true>(p, end, out);
}
#endif

[[nodiscard]] const char* skip_digits(const char* p, const char* end) {
    while (p != end && *p >= '0' && *p <= '9') ++p;
    return p;
}

[[nodiscard]] const char* skip_word(const char* p, const char* end, std::string_view word) {
    if (static_cast<std::size_t>(end - p) < word.size()) return nullptr;
    return std::string_view(p, word.size()) == word ? p + word.size() : nullptr;
}

template <bool Strict>
[[nodiscard]] const char* skip_number(const char* p, const char* end) {
    const char* const start = p;
    if (*p == '-') ++p;
    if constexpr (!Strict) {
        if (p != end && *p == 'I') return skip_word(p, end, "Infinity");
    }
    const char* digits = p;
    p = skip_digits(p, end);
    if (p == digits || (*digits == '0' && p - digits > 1)) return nullptr;
    if (p != end && *p == '.') {
        digits = ++p;
        p = skip_digits(p, end);
        if (p == digits) return nullptr;
    }
    if (p != end && (*p == 'e' || *p == 'E')) {
        ++p;
        if (p != end && (*p == '+' || *p == '-')) ++p;
        digits = p;
        p = skip_digits(p, end);
        if (p == digits || (Strict && p - digits > kMaxExponentDigits)) return nullptr;
    }
    return !Strict || p - start <= kMaxNumberBytes ? p : nullptr;
}

template <bool Strict>
[[nodiscard]] const char* skip_value(const char* p, const char* end, int depth);

// The members of an array or object behind its opening bracket.
template <bool Strict>
[[nodiscard]] const char* skip_members(const char* p, const char* end, int depth, bool keys, char close) {
    p = skip_json_space(p, end);
    if (p != end && *p == close) return p + 1;
    char* nothing = nullptr;
    while (p != nullptr && p != end) {
        if (keys) {
            if (*p != '"') return nullptr;
            p = read_string<false, Strict>(p + 1, end, nothing);
            if (p == nullptr) return nullptr;
            p = skip_json_space(p, end);
            if (p == end || *p != ':') return nullptr;
            p = skip_json_space(p + 1, end);
        }
        p = skip_value<Strict>(p, end, depth);
        if (p == nullptr) return nullptr;
        p = skip_json_space(p, end);
        if (p == end) return nullptr;
        if (*p == close) return p + 1;
        if (*p != ',') return nullptr;
        p = skip_json_space(p + 1, end);
    }
    return nullptr;
}

template <bool Strict>
const char* skip_value(const char* p, const char* end, int depth) {
    if (p == end || depth > kMaxDepth) return nullptr;
    char* nothing = nullptr;
    switch (*p) {
        case '"':
            return read_string<false, Strict>(p + 1, end, nothing);
        case '{':
            return skip_members<Strict>(p + 1, end, depth + 1, true, '}');
        case '[':
            return skip_members<Strict>(p + 1, end, depth + 1, false, ']');
        case 't':
            return skip_word(p, end, "true");
        case 'f':
            return skip_word(p, end, "false");
        case 'n':
            return skip_word(p, end, "null");
        case 'N':
            return Strict ? nullptr : skip_word(p, end, "NaN");
        case 'I':
            return Strict ? nullptr : skip_word(p, end, "Infinity");
        default:
            return *p == '-' || (*p >= '0' && *p <= '9') ? skip_number<Strict>(p, end) : nullptr;
    }
}

}  // namespace

const char* copy_json_string(const char* p, const char* end, char*& out, Instructions instructions) {
#if PYPACK_X86_DISPATCH
    static const Instructions best = resolve(Instructions::kBest);
    const Instructions chosen = instructions == Instructions::kBest ? best : resolve(instructions);
    if (chosen == Instructions::kAvx512 && end - p >= 64) return read_blocks(p, end, out);
#endif
    (void)instructions;
    return read_string<true, true>(p, end, out);
}

const char* skip_json_string(const char* p, const char* end) {
    char* nothing = nullptr;
    return read_string<false, true>(p, end, nothing);
}

const char* skip_json_value(const char* p, const char* end, int depth) {
    return skip_value<true>(p, end, depth);
}

const char* skip_unread_json_value(const char* p, const char* end, int depth) {
    return skip_value<false>(p, end, depth);
}

}  // namespace pypack
