// Grapheme clusters (Unicode Standard Annex 29) as far as `tokenizers` shows them: generate_grapheme_table.py
// says how the classes were found out.
#pragma once

#include <cstdint>

namespace pypack::unicode {

enum class GraphemeClass : std::uint8_t {
    kOther,
    kControl,
    kPrepend,
    kL,
    kV,
    kT,
    kLv,
    kLvt,
    kPictographic,
    kConsonant,
    // The others never begin a cluster.
    kExtend,
    kLinker,     // viramas, which join two consonants
    kNonJoiner,  // U+200C: extends, but not between consonants
    kJoiner,     // U+200D
    kSpacing,
};

extern const std::uint8_t kGraphemeBlocks[];
extern const std::uint8_t kGraphemeValues[];

[[nodiscard]] inline GraphemeClass grapheme_class(char32_t code_point) {
    return static_cast<GraphemeClass>(
        kGraphemeValues[kGraphemeBlocks[code_point >> 7] << 7 | (code_point & 127)]);
}

// Reads one cluster from its first character on.
class GraphemeScanner {
  public:
    explicit GraphemeScanner(char32_t first) { take(first, grapheme_class(first)); }

    // Whether `next` belongs to the cluster; it is taken if so.
    [[nodiscard]] bool extend(char32_t next) {
        const GraphemeClass next_class = grapheme_class(next);
        if (!joins(next, next_class)) return false;
        take(next, next_class);
        return true;
    }

  private:
    using Class = GraphemeClass;
    enum class Emoji : std::uint8_t { kNone, kPictograph, kJoined };
    enum class Conjunct : std::uint8_t { kNone, kConsonant, kLinked };

    [[nodiscard]] bool joins(char32_t next, Class next_class) const {
        if (last_ == '\r' && next == '\n') return true;
        if (last_class_ == Class::kControl || next_class == Class::kControl) return false;
        if (next_class >= Class::kExtend || last_class_ == Class::kPrepend) return true;
        switch (next_class) {
            case Class::kL:
            case Class::kLv:
            case Class::kLvt:
                return last_class_ == Class::kL;
            case Class::kV:
                return last_class_ == Class::kL || last_class_ == Class::kV || last_class_ == Class::kLv;
            case Class::kT:
                return last_class_ >= Class::kV && last_class_ <= Class::kLvt;
            case Class::kPictographic:
                return emoji_ == Emoji::kJoined;
            case Class::kConsonant:
                return conjunct_ == Conjunct::kLinked;
            default:
                return false;
        }
    }

    void take(char32_t c, Class c_class) {
        switch (c_class) {
            case Class::kPictographic:
                emoji_ = Emoji::kPictograph;
                conjunct_ = Conjunct::kNone;
                break;
            case Class::kConsonant:
                emoji_ = Emoji::kNone;
                conjunct_ = Conjunct::kConsonant;
                break;
            case Class::kExtend:
                if (emoji_ == Emoji::kJoined) emoji_ = Emoji::kNone;
                break;
            case Class::kLinker:
                if (emoji_ == Emoji::kJoined) emoji_ = Emoji::kNone;
                if (conjunct_ == Conjunct::kConsonant) conjunct_ = Conjunct::kLinked;
                break;
            case Class::kNonJoiner:
                if (emoji_ == Emoji::kJoined) emoji_ = Emoji::kNone;
                conjunct_ = Conjunct::kNone;
                break;
            case Class::kJoiner:
                emoji_ = emoji_ == Emoji::kPictograph ? Emoji::kJoined : Emoji::kNone;
                break;
            default:
                emoji_ = Emoji::kNone;
                conjunct_ = Conjunct::kNone;
        }
        last_ = c;
        last_class_ = c_class;
    }

    char32_t last_ = 0;
    Class last_class_ = Class::kOther;
    Emoji emoji_ = Emoji::kNone;
    Conjunct conjunct_ = Conjunct::kNone;
};

}  // namespace pypack::unicode
