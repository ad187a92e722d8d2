// How a tokenizer cuts a piece of text into the words that its model sees one at a time.
//
// The engine (encoder.hpp) takes the added tokens out of a document, normalizes what lies between them, and
// hands each piece to the pretokenizer; each word then goes through the word cache (word_cache.hpp) and, when
// it is not there, to the model (model.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tokenize/normalize/text_sink.hpp"

namespace pypack {

// Room for words that a pretokenizer found: word i is bytes [begin[i], end[i]) of the piece. The arrays have
// kSlack elements behind `capacity`, so that a scanner may store whole vectors.
struct WordSpans {
    static constexpr std::size_t kSlack = 64;

    std::uint32_t* begin;
    std::uint32_t* end;
    std::size_t capacity;
    std::size_t size = 0;

    void push_back(std::size_t from, std::size_t to) {
        begin[size] = static_cast<std::uint32_t>(from);
        end[size] = static_cast<std::uint32_t>(to);
        ++size;
    }
    [[nodiscard]] bool full() const { return size >= capacity; }
};

// Immutable once made: threads share one. Pieces are valid UTF-8 of less than 4 GiB and not empty. Nothing
// behind the last byte of a piece may be read.
class Pretokenizer {
  public:
    virtual ~Pretokenizer() = default;

    // Rewrites a piece before it is cut (Metaspace, ByteLevel's add_prefix_space): appends the new text to
    // out and returns true, or returns false where the piece stays as it is. `at_text_start`: the piece
    // begins where the document does.
    virtual bool rewrite(std::string_view piece, bool at_text_start, std::string& out) const {
        (void)piece, (void)at_text_start, (void)out;
        return false;
    }

    // The same with an alignment, as Normalizer::normalize_aligned has it. Whoever overrides rewrite
    // overrides this (rewriting_pretokenizer.hpp writes both at once); else it throws std::invalid_argument.
    virtual bool rewrite_aligned(std::string_view piece, const Alignment& alignment, bool at_text_start,
                                 std::string& out, Alignment& out_alignment) const {
        (void)alignment, (void)out_alignment;
        if (rewrite(piece, at_text_start, out)) {
            throw std::invalid_argument(
                "the pretokenizer rewrites text, for which offsets have no native form");
        }
        return false;
    }

    // Appends words of piece, in order, from byte `from` on, until `words` is full or the piece ends; or,
    // where it has found many, till the room left is small. `from` is 0 or what an earlier call for the same
    // piece returned. Returns the byte to go on from: piece.size() at the end. Bytes that belong to no word
    // are dropped. Words are not empty.
    virtual std::size_t split(std::string_view piece, std::size_t from, WordSpans& words) const = 0;
};

using PretokenizerPtr = std::shared_ptr<const Pretokenizer>;

}  // namespace pypack
