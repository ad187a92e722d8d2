// A JSON array, made lines: what reads JSON lines reads its elements, at the places where they stand.
#pragma once

#include <cstdint>
#include <span>

namespace pypack {

// Turns the bytes of a file that is one array (or several, end to end) into lines of the same length, block
// by block: commas between elements become newlines, newlines inside them spaces, the outer brackets spaces.
// A raw newline in a string, which is no JSON, becomes another control character, so that its element stays
// one line, and malformed. A byte order mark before an array is blanked.
class JsonArrayLines {
  public:
    // `inside`: reading goes on where an element begins.
    explicit JsonArrayLines(bool inside) : begun_(inside), depth_(inside ? 1 : 0) {}

    // Changes a block in place. Returns the place of the first byte that belongs to no array, -1 if there is
    // none; what is before it has been changed.
    [[nodiscard]] std::int64_t change(std::span<char> block);

    // Whether no array has begun, or the last one has ended.
    [[nodiscard]] bool is_whole() const { return depth_ == 0; }

  private:
    bool begun_;
    std::int64_t depth_;  // 0: outside of arrays; 1: between elements, or in one that has no brackets
    bool in_string_ = false;
    bool escaped_ = false;
};

}  // namespace pypack
