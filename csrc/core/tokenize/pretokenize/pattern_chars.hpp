// What the scanners of pretokenizer patterns share: one character at a time, any script.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokenize/unicode/classes.hpp"
#include "tokenize/unicode/utf8.hpp"

namespace pypack::patterns {

using unicode::CategorySet;

// The character at one place of a text.
struct Char {
    CategorySet category;  // one bit
    std::uint32_t size;    // bytes
    char32_t code_point;

    [[nodiscard]] bool is(CategorySet set) const { return (category & set) != 0; }
    [[nodiscard]] bool is_newline() const { return code_point == '\n' || code_point == '\r'; }
};

[[nodiscard]] inline Char char_at(std::string_view text, std::size_t position) {
    const char* const start = text.data() + position;
    const char* p = start;
    const char32_t code_point = next_code_point(p);
    return {unicode::category_bit(code_point), static_cast<std::uint32_t>(p - start), code_point};
}

// The end of the longest run of `set` from position on.
[[nodiscard]] inline std::size_t run_end(std::string_view text, std::size_t position, CategorySet set) {
    while (position < text.size()) {
        const Char c = char_at(text, position);
        if (!c.is(set)) break;
        position += c.size;
    }
    return position;
}

// The end of the run of newlines, or of newlines and slashes, from position on.
[[nodiscard]] inline std::size_t newlines_end(std::string_view text, std::size_t position, bool slashes) {
    while (position < text.size() &&
           (text[position] == '\n' || text[position] == '\r' || (slashes && text[position] == '/'))) {
        ++position;
    }
    return position;
}

// The complement of [^\s\p{L}\p{N}].
inline constexpr CategorySet kNotOther = unicode::kLetter | unicode::kNumber | unicode::kSpace;

// The end of ` ?[^\s\p{L}\p{N}]+`, or of another set's complement, at position; position itself if it does
// not match there.
[[nodiscard]] inline std::size_t other_end(std::string_view text, std::size_t position,
                                           CategorySet excluded = kNotOther) {
    std::size_t first = position;
    if (text[position] == ' ') ++first;
    const std::size_t end = run_end(text, first, ~excluded);
    return end == first ? position : end;
}

// The end of \p{N}{1,max} at position.
[[nodiscard]] inline std::size_t digits_end(std::string_view text, std::size_t position, unsigned max) {
    for (unsigned i = 0; i < max && position < text.size(); ++i) {
        const Char c = char_at(text, position);
        if (!c.is(unicode::kNumber)) break;
        position += c.size;
    }
    return position;
}

// The end of \s+(?!\S)|\s+ from a whitespace character on.
[[nodiscard]] inline std::size_t space_end(std::string_view text, std::size_t position) {
    std::size_t last = position;
    std::size_t end = position;
    while (end < text.size()) {
        const Char c = char_at(text, end);
        if (!c.is(unicode::kSpace)) break;
        last = end;
        end += c.size;
    }
    return end == text.size() || last == position ? end : last;
}

// The end of \s*[\r\n]+|\s+(?!\S)|\s+ from a whitespace character on.
[[nodiscard]] inline std::size_t line_or_space_end(std::string_view text, std::size_t position) {
    std::size_t last = position;
    std::size_t end = position;
    std::size_t behind_newline = 0;
    while (end < text.size()) {
        const Char c = char_at(text, end);
        if (!c.is(unicode::kSpace)) break;
        last = end;
        end += c.size;
        if (c.is_newline()) behind_newline = end;
    }
    if (behind_newline != 0) return behind_newline;
    return end == text.size() || last == position ? end : last;
}

enum class Case { kSensitive, kFolded };

// Bytes behind an apostrophe that make it one of 's 't 'm 'd 're 've 'll, 0 if none do. Folded as Oniguruma
// does under (?i:): letters of either case, and the long s U+017F for s.
[[nodiscard]] inline std::size_t contraction_size(std::string_view text, std::size_t position, Case mode) {
    const auto letter = [&](std::size_t at) -> char {
        if (at >= text.size()) return '\0';
        const char c = text[at];
        return mode == Case::kFolded && c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    };
    const char first = letter(position);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return 1;
    const char second = letter(position + 1);
    if ((second == 'e' && (first == 'r' || first == 'v')) || (first == 'l' && second == 'l')) return 2;
    if (mode == Case::kFolded && first == '\xC5' && second == '\xBF') return 2;
    return 0;
}

}  // namespace pypack::patterns
