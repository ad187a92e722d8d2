// The precompiled_charsmap of a SentencePiece model: rewrite rules for short strings of characters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pypack {

// Format: the size of a trie in bytes (uint32, little-endian), the trie, and the replacements, each ended by
// NUL. The trie is a double array as Darts (Yata) writes it; a key's value is where its replacement begins.
class Charsmap {
  public:
    // Throws std::invalid_argument where the bytes are not of that format, or a replacement is not UTF-8.
    explicit Charsmap(std::string_view bytes);

    // What replaces `text`: the replacement for the shortest key that it begins with.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view text) const;

    // The replacement for the longest key that `text` begins with, and the size of that key.
    struct Match {
        std::string_view image;
        std::size_t size;
    };
    [[nodiscard]] std::optional<Match> find_longest(std::string_view text) const;

    // The same for one character.
    [[nodiscard]] std::optional<std::string_view> find(char32_t code_point) const {
        const std::uint32_t value = values_[std::size_t{blocks_[code_point >> 7]} << 7 | (code_point & 127)];
        if (value == 0) return std::nullopt;
        return replacement(value - 1);
    }

  private:
    // Bits of a unit of the double array.
    static constexpr std::uint32_t kHasLeaf = 1U << 8;
    static constexpr std::uint32_t kLabel = 1U << 31 | 0xFF;
    static constexpr std::uint32_t kValue = (1U << 31) - 1;

    [[nodiscard]] static std::uint32_t offset_of(std::uint32_t unit) {
        return unit >> 10 << ((unit & 1U << 9) >> 6);
    }

    // A place in the trie: what has been read so far ends here.
    struct Node {
        std::uint32_t base = 0;
        std::optional<std::uint32_t> value;
    };

    [[nodiscard]] Node root() const { return {offset_of(units_[0]), std::nullopt}; }
    [[nodiscard]] std::optional<Node> step(const Node& node, unsigned char byte) const;
    [[nodiscard]] std::string_view replacement(std::uint32_t start) const;
    void check_replacements() const;
    void check_start(std::uint32_t start) const;
    void index_characters(const Node& node, char32_t first, unsigned bits_left, char32_t smallest);

    std::vector<std::uint32_t> units_;
    std::string replacements_;
    // Two-stage table of replacement + 1 by code point; block 0 is that of characters without one.
    std::vector<std::uint16_t> blocks_;
    std::vector<std::uint32_t> values_;
};

}  // namespace pypack
