#include "corpus/json_array.hpp"

#include <bit>
#include <cstddef>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace pypack {

namespace {

constexpr char kBadNewline = '\x1e';

// The first byte in a string that means something: a quote, a backslash or a newline.
[[nodiscard]] char* plain_run(char* p, char* end) {
#if defined(__SSE2__)  // part of every x86-64
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i newline = _mm_set1_epi8('\n');
    while (end - p >= 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        const __m128i special =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
                         _mm_cmpeq_epi8(bytes, newline));
        const auto mask = static_cast<unsigned>(_mm_movemask_epi8(special));
        if (mask != 0) return p + std::countr_zero(mask);
        p += 16;
    }
#endif
    while (p != end && *p != '"' && *p != '\\' && *p != '\n') ++p;
    return p;
}

[[nodiscard]] bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

[[nodiscard]] bool is_mark(char c) {
    return c == '\xef' || c == '\xbb' || c == '\xbf';
}

}  // namespace

std::int64_t JsonArrayLines::change(std::span<char> block) {
    char* const begin = block.data();
    char* const end = begin + block.size();
    for (char* p = begin; p != end; ++p) {
        if (in_string_) {
            if (escaped_) {
                escaped_ = false;
                if (*p == '\n') *p = kBadNewline;
                continue;
            }
            p = plain_run(p, end);
            if (p == end) break;
            if (*p == '\n') *p = kBadNewline;
            in_string_ = *p != '"';
            escaped_ = *p == '\\';
            continue;
        }
        if (depth_ == 0) {
            if (*p == '[') {
                *p = begun_ ? '\n' : ' ';  // elements of a second array begin a line of their own
                begun_ = true;
                depth_ = 1;
            } else if (is_blank(*p) || is_mark(*p)) {
                *p = ' ';
            } else {
                return p - begin;
            }
            continue;
        }
        switch (*p) {
            case '"':
                in_string_ = true;
                break;
            case '[':
            case '{':
                ++depth_;
                break;
            case ']':
            case '}':
                if (--depth_ == 0) *p = ' ';
                break;
            case ',':
                if (depth_ == 1) *p = '\n';
                break;
            case '\n':
                *p = ' ';
                break;
            default:
                break;
        }
    }
    return -1;
}

}  // namespace pypack
