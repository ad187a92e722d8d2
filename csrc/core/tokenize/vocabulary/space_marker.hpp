// U+2581, which SentencePiece-style tokenizers put in the place of spaces. Words hold it as one space again,
// which is shorter and loses nothing: where every space has become a marker, no other space is left.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pypack {

inline constexpr std::string_view kSpaceMarker = "\xE2\x96\x81";

// A token as words hold it; nullopt for one with a space of its own, which no word can be.
[[nodiscard]] inline std::optional<std::string> spell_marker_as_space(std::string_view token) {
    std::string text;
    text.reserve(token.size());
    for (std::size_t i = 0; i < token.size();) {
        if (token[i] == ' ') return std::nullopt;
        if (token.substr(i).starts_with(kSpaceMarker)) {
            text.push_back(' ');
            i += kSpaceMarker.size();
        } else {
            text.push_back(token[i++]);
        }
    }
    return text;
}

}  // namespace pypack
