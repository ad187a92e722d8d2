// The data behind NFC, NFD, NFKC and NFKD as `tokenizers` 0.23 has them: its crate
// unicode-normalization-alignments stands still at Unicode 9, so newer characters never change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace pypack::unicode {

enum class NormalizationForm : std::uint8_t { kNfd, kNfkd, kNfc, kNfkc };

extern const std::uint16_t kNormalizationRecords[];
extern const std::uint16_t kNormalizationBlocks[];
extern const std::uint8_t kNormalizationValues[];
extern const std::uint32_t kDecompositions[];
extern const std::uint16_t kDecompositionBlocks[];
extern const std::uint16_t kDecompositionValues[];
extern const std::size_t kNumCompositions;
extern const std::uint64_t kCompositionPairs[];
extern const std::uint32_t kComposites[];

// One look-up answers what the scan over a text needs to know of a code point.
struct NormalizationRecord {
    std::uint16_t bits;

    [[nodiscard]] std::uint8_t combining_class() const { return static_cast<std::uint8_t>(bits); }

    // Whether text around this character is left alone by `form`: it has class 0, is not changed alone and
    // never joins the character before it.
    [[nodiscard]] bool is_inert(NormalizationForm form) const {
        return (bits & (0xFF | 0x100 << static_cast<unsigned>(form))) == 0;
    }
};

[[nodiscard]] inline NormalizationRecord normalization_record(char32_t code_point) {
    const auto block = kNormalizationBlocks[code_point >> 7];
    return {kNormalizationRecords[kNormalizationValues[block << 7 | (code_point & 127)]]};
}

inline constexpr char32_t kHangulBase = 0xAC00, kJamoL = 0x1100, kJamoV = 0x1161, kJamoT = 0x11A7;
inline constexpr char32_t kNumJamoL = 19, kNumJamoV = 21, kNumJamoT = 28;
inline constexpr char32_t kNumHangul = kNumJamoL * kNumJamoV * kNumJamoT;

// Calls put(part) for each code point of the full decomposition of code_point (itself, where it has none).
template <typename Put>
void decompose(char32_t code_point, bool compatible, Put&& put) {
    if (const char32_t syllable = code_point - kHangulBase; syllable < kNumHangul) {
        put(kJamoL + syllable / (kNumJamoV * kNumJamoT));
        put(kJamoV + syllable / kNumJamoT % kNumJamoV);
        if (const char32_t trailing = syllable % kNumJamoT) put(kJamoT + trailing);
        return;
    }
    const auto block = kDecompositionBlocks[code_point >> 7];
    const std::uint32_t* entry = kDecompositions + kDecompositionValues[block << 7 | (code_point & 127)];
    const std::uint32_t num_canonical = *entry & 0xFF;
    const std::uint32_t num_compatible = *entry >> 8;
    std::span<const std::uint32_t> parts(entry + 1, num_canonical);
    if (compatible && num_compatible != 0) parts = {entry + 1 + num_canonical, num_compatible};
    if (parts.empty()) put(code_point);
    for (const std::uint32_t part : parts) put(static_cast<char32_t>(part));
}

// The one character that `first` and `second` compose to, if there is one.
[[nodiscard]] std::optional<char32_t> compose(char32_t first, char32_t second);

}  // namespace pypack::unicode
