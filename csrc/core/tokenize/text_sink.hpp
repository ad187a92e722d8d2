// Where a normalizer writes. A normalizer reads its text once, from left to right, and says of each character
// that it writes what became of the characters read: that is the protocol of `tokenizers`' NormalizedString,
// from which its offsets follow. TextSink keeps the text alone; AlignedSink keeps the alignment as well.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenize/utf8.hpp"

namespace pypack {

// Bytes [start, end) of the original text.
struct ByteRange {
    std::uint32_t start;
    std::uint32_t end;

    bool operator==(const ByteRange&) const = default;
};

// For each byte of a normalized text, the bytes of the original that it came from.
using Alignment = std::vector<ByteRange>;

class TextSink {
  public:
    explicit TextSink(std::string& out) : out_(out) {}

    // The next characters of the text, as they are.
    void keep(std::string_view text) { out_.append(text); }

    // One character. change 0: in the place of the next one; 1: inserted; -n: in the place of the next one,
    // and the n after that are dropped.
    void put(char32_t code_point, int change) {
        (void)change;
        append_utf8(code_point, out_);
    }

    // Inserts text; every byte of it is aligned as the last byte read.
    void insert(std::string_view text) { out_.append(text); }

    // Reads without writing.
    void skip(std::size_t num_bytes) { (void)num_bytes; }

  private:
    std::string& out_;
};

class AlignedSink {
  public:
    AlignedSink(std::string_view text, const Alignment& alignment, std::string& out, Alignment& out_alignment)
        : text_(text), alignment_(alignment), out_(out), out_alignment_(out_alignment) {}

    void keep(std::string_view text) {
        const auto* first = alignment_.data() + position_;
        out_alignment_.insert(out_alignment_.end(), first, first + text.size());
        out_.append(text);
        position_ += text.size();
    }

    void put(char32_t code_point, int change) {
        const ByteRange range = change > 0 ? last_read() : alignment_.at(position_);
        char bytes[4];
        write({bytes, encode_utf8(code_point, bytes)}, range);
        for (int dropped = change; dropped <= 0; ++dropped) position_ += utf8_length(text_.at(position_));
    }

    void insert(std::string_view text) { write(text, last_read()); }

    void skip(std::size_t num_bytes) { position_ += num_bytes; }

  private:
    [[nodiscard]] ByteRange last_read() const {
        return position_ == 0 ? ByteRange{0, 0} : alignment_[position_ - 1];
    }

    void write(std::string_view bytes, ByteRange range) {
        out_.append(bytes);
        out_alignment_.insert(out_alignment_.end(), bytes.size(), range);
    }

    std::string_view text_;
    const Alignment& alignment_;
    std::string& out_;
    Alignment& out_alignment_;
    std::size_t position_ = 0;
};

}  // namespace pypack
