#include "tokenize/unicode/normalization.hpp"

#include <algorithm>

namespace pypack::unicode {

std::optional<char32_t> compose(char32_t first, char32_t second) {
    if (first - kJamoL < kNumJamoL && second - kJamoV < kNumJamoV) {
        return kHangulBase + ((first - kJamoL) * kNumJamoV + (second - kJamoV)) * kNumJamoT;
    }
    const char32_t syllable = first - kHangulBase;
    if (syllable < kNumHangul && syllable % kNumJamoT == 0 && second - kJamoT - 1 < kNumJamoT - 1) {
        return first + (second - kJamoT);
    }
    const std::uint64_t pair = std::uint64_t{first} << 32 | second;
    const auto* end = kCompositionPairs + kNumCompositions;
    const auto* found = std::lower_bound(kCompositionPairs, end, pair);
    if (found == end || *found != pair) return std::nullopt;
    return static_cast<char32_t>(kComposites[found - kCompositionPairs]);
}

}  // namespace pypack::unicode
