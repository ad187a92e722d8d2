// Memory for documents that are not held as UTF-8.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/buffer.hpp"
#include "tokenize/text/text_view.hpp"

namespace pypack {

// The UTF-8 of one document after the other, in one piece of memory that is used again and again: it stays in
// the processor's caches, and pages are not touched for the first time with every longer document.
class Utf8Memory {
  public:
    // The text as UTF-8, in place where it is that already. Throws as as_utf8 does.
    [[nodiscard]] std::string_view add(const TextView& text) {
        const std::string_view added = as_utf8(text, memory_.data() + used_);
        if (most_utf8_room(text) != 0) used_ += added.size();
        return added;
    }

    // Whether the text needs no room, or has it behind those that were added.
    [[nodiscard]] bool has_room_for(const TextView& text) const {
        const std::size_t room = most_utf8_room(text);
        return room == 0 || (memory_.size() > 0 && used_ + room <= kTogether);
    }

    // Forgets the texts that were added, and makes room for this one.
    void clear_for(const TextView& text) {
        clear();
        std::size_t room = most_utf8_room(text);
        if (room > kLeast) room = utf8_room(text);  // a pass over the text is worth less memory
        if (room <= static_cast<std::size_t>(memory_.size())) return;
        memory_ = Buffer<char>();
        memory_ = Buffer<char>(static_cast<std::int64_t>(std::max(std::bit_ceil(room), kLeast)));
    }

    // Forgets the texts, and gives memory back that a long one needed.
    void clear() {
        used_ = 0;
        if (memory_.size() > kMostKept) memory_ = Buffer<char>();
    }

  private:
    // Texts that are held at once: no more than a near cache holds.
    static constexpr std::size_t kTogether = std::size_t{1} << 17;
    // One huge page is taken at first; few documents need another.
    static constexpr std::size_t kLeast = std::size_t{1} << 20;
    static constexpr std::int64_t kMostKept = std::int64_t{1} << 22;

    Buffer<char> memory_;
    std::size_t used_ = 0;
};

}  // namespace pypack
