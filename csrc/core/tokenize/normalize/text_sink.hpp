// Where a normalizer writes. A normalizer reads its text once, from left to right, and says of each character
// that it writes what became of the characters read: that is the protocol of `tokenizers`' NormalizedString,
// from which its offsets follow. TextSink keeps the text alone; AlignedSink keeps the alignment as well.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "tokenize/unicode/utf8.hpp"

namespace pypack {

// Bytes [start, end) of a text.
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

    // The next num_characters characters become those of `image`, one for one as far as they go.
    void replace(std::size_t num_characters, std::string_view image) {
        (void)num_characters;
        out_.append(image);
    }

  private:
    std::string& out_;
};

class AlignedSink {
  public:
    AlignedSink(std::string_view text, const Alignment& alignment, std::string& out, Alignment& out_alignment)
        : text_(text), alignment_(alignment), out_(out), out_alignment_(out_alignment) {}

    void keep(std::string_view text) {
        if (is_behind_) {
            for (const char *p = text.data(), *end = p + text.size(); p < end;) put(next_code_point(p), 0);
            return;
        }
        const auto* first = alignment_.data() + position_;
        out_alignment_.insert(out_alignment_.end(), first, first + text.size());
        out_.append(text);
        position_ += text.size();
        if (!text.empty()) last_change_ = 0;
    }

    void put(char32_t code_point, int change) {
        const ByteRange range = change > 0 ? last_read() : alignment_.at(position_);
        char bytes[4];
        last_size_ = encode_utf8(code_point, bytes);
        last_change_ = change;
        write({bytes, last_size_}, range);
        read_characters(1 - change);
    }

    void insert(std::string_view text) { write(text, last_read()); }

    void skip(std::size_t num_bytes) { position_ += num_bytes; }

    void replace(std::size_t num_characters, std::string_view image) {
        if (image.empty()) {
            drop(static_cast<int>(num_characters));
            return;
        }
        int left = 0;  // characters of the image that are not written yet
        for (const char byte : image) left += is_utf8_continuation(byte) ? 0 : 1;
        const int growth = left - static_cast<int>(num_characters);
        for (const char *p = image.data(), *end = p + image.size(); p < end; --left) {
            const bool is_added = left <= growth;
            const bool takes_the_rest = left == 1 && growth < 0;
            put(next_code_point(p), is_added ? 1 : takes_the_rest ? growth : 0);
        }
    }

  private:
    // Dropped characters count as part of the one written before them; where that one was inserted, it now
    // stands in their place. With none before them the library forgets them: from there on every character
    // is aligned as if they had not been there.
    void drop(int num_characters) {
        if (last_change_ == kNothingYet) {
            is_behind_ = true;
            return;
        }
        if (last_change_ > 0) {
            std::fill(out_alignment_.end() - static_cast<std::ptrdiff_t>(last_size_), out_alignment_.end(),
                      alignment_.at(position_));
        }
        last_change_ -= num_characters;
        read_characters(num_characters);
    }

    void read_characters(int count) {
        for (; count > 0; --count) position_ += utf8_length(text_.at(position_));
    }

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
    static constexpr int kNothingYet = std::numeric_limits<int>::max();
    int last_change_ = kNothingYet;
    std::size_t last_size_ = 0;
    bool is_behind_ = false;
};

}  // namespace pypack
