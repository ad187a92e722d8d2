// What a code point is, for the regexes and for the other components of `tokenizers` 0.23. Two loads each.
// The tables are taken from that library itself: see generate_unicode_tables.py.
#pragma once

#include <cstdint>

namespace pypack::unicode {

// General categories as the regexes (Oniguruma, Unicode 16) have them. kCcSpace holds the control characters
// that \s matches (U+0009-000D and U+0085, but not U+001C-001F), so that \s is a set of categories as well.
enum class Category : std::uint8_t {
    kCc,
    kCf,
    kCn,
    kCo,
    kLl,
    kLm,
    kLo,
    kLt,
    kLu,
    kMc,
    kMe,
    kMn,
    kNd,
    kNl,
    kNo,  //
    kPc,
    kPd,
    kPe,
    kPf,
    kPi,
    kPo,
    kPs,
    kSc,
    kSk,
    kSm,
    kSo,
    kZl,
    kZp,
    kZs,
    kCcSpace,
};

// A set of categories, one bit each: \p{L} is `kLetter`, [\p{L}\p{N}] is `kLetter | kNumber`.
using CategorySet = std::uint32_t;

template <typename... Categories>
[[nodiscard]] constexpr CategorySet category_set(Categories... categories) {
    return ((CategorySet{1} << static_cast<unsigned>(categories)) | ...);
}

inline constexpr CategorySet kLowercase = category_set(Category::kLl);
inline constexpr CategorySet kUppercase = category_set(Category::kLu);
inline constexpr CategorySet kTitlecase = category_set(Category::kLt);
inline constexpr CategorySet kModifierLetter = category_set(Category::kLm);
inline constexpr CategorySet kOtherLetter = category_set(Category::kLo);
inline constexpr CategorySet kLetter =
    kLowercase | kUppercase | kTitlecase | kModifierLetter | kOtherLetter;                         // \p{L}
inline constexpr CategorySet kMark = category_set(Category::kMc, Category::kMe, Category::kMn);    // \p{M}
inline constexpr CategorySet kNumber = category_set(Category::kNd, Category::kNl, Category::kNo);  // \p{N}
inline constexpr CategorySet kPunctuation =
    category_set(Category::kPc, Category::kPd, Category::kPe, Category::kPf, Category::kPi, Category::kPo,
                 Category::kPs);  // \p{P}
inline constexpr CategorySet kSymbol =
    category_set(Category::kSc, Category::kSk, Category::kSm, Category::kSo);  // \p{S}
inline constexpr CategorySet kSpace =
    category_set(Category::kCcSpace, Category::kZs, Category::kZl, Category::kZp);  // \s

// What the components that are not regexes ask of a code point. kWhitespace is Rust's char::is_whitespace,
// which has the members of \s; kWord and kNumeric are \w of Rust's regex (Whitespace, single_word) and
// char::is_numeric (Digits). kPunct is the test of Punctuation and BertPreTokenizer: ASCII punctuation or
// category P of an old Unicode. kCleaned is dropped by BERT's clean_text; kNonspacing by BERT's strip_accents
// (asked of characters that NFD leaves alone); kCombining by StripAccents.
enum class Trait : std::uint8_t {
    kWhitespace,
    kWord,
    kNumeric,
    kPunct,
    kCleaned,
    kNonspacing,
    kCombining,
};

extern const std::uint16_t kCategoryBlocks[8704];
extern const std::uint8_t kCategoryValues[];
extern const std::uint16_t kTraitBlocks[8704];
extern const std::uint8_t kTraitValues[];

// code_point must be below 0x110000 in all of these.

[[nodiscard]] inline Category category(char32_t code_point) {
    return static_cast<Category>(kCategoryValues[kCategoryBlocks[code_point >> 7] << 7 | (code_point & 127)]);
}

[[nodiscard]] inline CategorySet category_bit(char32_t code_point) {
    return CategorySet{1} << static_cast<unsigned>(category(code_point));
}

[[nodiscard]] inline bool is_in(char32_t code_point, CategorySet set) {
    return (category_bit(code_point) & set) != 0;
}

[[nodiscard]] inline std::uint8_t traits(char32_t code_point) {
    return kTraitValues[kTraitBlocks[code_point >> 7] << 7 | (code_point & 127)];
}

[[nodiscard]] inline bool has_trait(char32_t code_point, Trait trait) {
    return (traits(code_point) >> static_cast<unsigned>(trait) & 1) != 0;
}

}  // namespace pypack::unicode
