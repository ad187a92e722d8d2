// Tokens that are found in the text itself, before any model sees it: special tokens and others that were
// added to a vocabulary.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/types.hpp"
#include "tokenize/normalize/text_sink.hpp"

namespace pypack {

struct AddedToken {
    std::string content;  // what to look for; normalized already if `normalized`
    TokenId id;
    bool single_word;  // only between characters that are no word characters
    bool lstrip;       // takes the whitespace before it
    bool rstrip;       // takes the whitespace behind it
    bool normalized;   // looked for in the normalized text
    bool special;
};

// A piece of a text: an added token, or text between two of them.
struct TextPiece {
    std::size_t begin;
    std::size_t end;
    TokenId id;  // kNoToken for text
};

// Parts of a document that are plain text: a special token is not looked for where it would take in a byte of
// them, whatever they spell.
struct PlainParts {
    std::span<const ByteRange> ranges;     // in bytes of the document; they rise and do not overlap
    std::size_t base = 0;                  // where in the document the text that is cut begins
    const Alignment* alignment = nullptr;  // of each of its bytes, where it is not as it came

    // The first part that meets bytes begin .. end of the text, null if none does.
    [[nodiscard]] const ByteRange* meeting(std::size_t begin, std::size_t end) const;
    // Where bytes begin .. end of the text stand in the document.
    [[nodiscard]] ByteRange in_document(std::size_t begin, std::size_t end) const;
};

// Finds added tokens from left to right, of those that begin at one place the longest, as an Aho-Corasick
// automaton in leftmost-longest mode does.
class AddedTokenFinder {
  public:
    explicit AddedTokenFinder(std::vector<AddedToken> tokens);

    [[nodiscard]] bool empty() const { return tokens_.empty(); }

    // Cuts text into pieces that cover it, none of them empty. With skip_special, special tokens are text;
    // where one was, no other token is looked for. So they are, too, in the plain parts of the text.
    // Returns how many were such text.
    std::size_t cut(std::string_view text, bool skip_special, std::vector<TextPiece>& pieces,
                    const PlainParts& plain = {}) const;

  private:
    // The tokens as a tree over their bytes; node 0 is the root.
    struct Node {
        std::uint32_t first_child = 0;
        std::uint32_t next_sibling = 0;
        std::uint32_t token = 0xFFFFFFFF;
        unsigned char byte = 0;
    };

    void insert(std::uint32_t token);
    [[nodiscard]] std::size_t next_candidate(std::string_view text, std::size_t from) const;
    // The longest token at `at`, or kNoToken.
    [[nodiscard]] std::uint32_t match(std::string_view text, std::size_t at) const;
    // The same, but a special token that takes in plain text is none: `at` is then where to go on. Those that
    // stand in it are counted.
    [[nodiscard]] std::uint32_t match_outside(const PlainParts& plain, std::string_view text, std::size_t& at,
                                              std::size_t& num_skipped) const;

    std::vector<AddedToken> tokens_;
    std::vector<Node> nodes_;
    std::array<std::uint32_t, 256> first_nodes_{};
    // The first two bytes of tokens, where these are few; else empty.
    std::vector<std::array<char, 2>> pairs_;
    // A token may begin here only if the low bits of the two bytes' entries meet.
    std::array<std::uint8_t, 256> begins_{};
    std::array<std::uint8_t, 256> follows_{};
    std::size_t shortest_ = 0;
};

}  // namespace pypack
