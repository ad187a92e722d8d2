// Ids → text, as the decoders of tokenizer.json have it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/types.hpp"
#include "tokenize/vocabulary/vocabulary.hpp"

namespace pypack {

// What happens to each token by itself.
struct TokenStep {
    enum class Kind {
        kReplace,    // each `pattern` becomes `content`
        kMetaspace,  // each `pattern` becomes a space; in the first token, with `drops_first`, nothing
        kWordPiece,  // but for the first token: `pattern` in front goes, else a space comes in front
        kCleanUp,    // WordPiece's cleanup: no space before punctuation and English contractions
        kStrip,      // up to `count` of `pattern` (one character) in front go
        kByteLevel,  // characters of GPT-2's byte alphabet become bytes, if all are of it
    };
    Kind kind;
    std::string pattern;
    std::string content;
    std::size_t count = 0;
    bool drops_first = false;
};

struct DecoderOptions {
    std::vector<TokenStep> token_steps;
    bool byte_fallback = false;         // runs of <0x..> become their text, U+FFFD each if it is not UTF-8
    std::string separator;              // between two tokens
    bool replaces_invalid = false;      // afterwards each maximal part that is not UTF-8 becomes U+FFFD
    std::vector<TokenStep> text_steps;  // kStrip only, of the whole text
};

struct DecodedToken {
    TokenId id;
    std::string text;
    bool special;
};

// Immutable once made: threads share one.
class GrowingText;

class Decoder {
  public:
    // added: tokens beside the vocabulary; they come before it. Throws std::invalid_argument where ids are so
    // far apart that a table of them would be mostly empty.
    Decoder(const DecoderOptions& options, const Vocabulary& vocabulary,
            const std::vector<DecodedToken>& added);

    // Appends the text of ids; those that no token has are passed over, as are special ones if asked for.
    void decode(std::span<const TokenId> ids, bool skip_special, std::string& out) const;

    // The same for rows ids[offsets[i] .. offsets[i + 1]); ends gets where in `out` the text of each ends.
    void decode_rows(std::span<const TokenId> ids, std::span<const Offset> offsets, bool skip_special,
                     std::string& out, std::vector<std::size_t>& ends) const;

  private:
    enum class Kind : std::uint8_t { kNone, kToken, kSpecial };

    // Tokens as they read in one place, by id.
    struct Texts {
        StringList texts;
        std::vector<std::int16_t> bytes;  // of <0x..> under byte_fallback, else -1
    };

    void add(std::string_view token, bool is_first, Texts& texts) const;
    void append_bytes(const std::string& bytes, GrowingText& out) const;

    DecoderOptions options_;
    bool first_differs_ = false;
    std::vector<Kind> kinds_;
    Texts texts_;
    Texts first_texts_;  // of the first token, if first_differs_
};

// Appends text with each maximal part of it that is not UTF-8 as U+FFFD (Unicode Standard, "U+FFFD
// Substitution of Maximal Subparts"), as Rust's from_utf8_lossy does.
void append_lossy(std::string_view text, std::string& out);

}  // namespace pypack
