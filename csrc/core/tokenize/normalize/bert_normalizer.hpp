// BertNormalizer, in one pass over the text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenize/normalize/normalizer.hpp"

namespace pypack {

// clean_text, handle_chinese_chars, strip_accents and lowercase as one map from characters to strings. The
// steps one after the other do the same, except that accents are stripped after NFD, which may reorder marks:
// a text that keeps such a mark goes through the steps, as does one whose alignment is asked for.
class BertNormalizer final : public Normalizer {
  public:
    explicit BertNormalizer(BertOptions options);

    bool normalize(std::string_view text, std::string& out) const override;
    bool normalize_aligned(std::string_view text, const Alignment& alignment, std::string& out,
                           Alignment& out_alignment) const override;

  private:
    // What becomes of a character below U+10000: one of these, or kFirstImage + an index into images_.
    enum Action : std::uint16_t { kKeep, kDrop, kSpaced, kReorder, kFirstImage };

    struct Image {
        std::uint8_t size = 0;
        char bytes[15] = {};
    };

    struct Expansion {
        Image image;
        bool reorders = false;
    };

    [[nodiscard]] Expansion expand(char32_t code_point) const;
    [[nodiscard]] Action action_of(char32_t code_point);
    [[nodiscard]] bool write_wide(char32_t code_point, char*& out) const;
    [[nodiscard]] bool write_character(const char*& p, char*& out) const;
    [[nodiscard]] bool write_part(const char*& p, const char* end, char*& out) const;

    BertOptions options_;
    NormalizerPtr steps_;
    std::vector<std::uint16_t> actions_;  // [0x10000]
    std::vector<Image> images_;
};

}  // namespace pypack
