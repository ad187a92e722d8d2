// Text and tokens, as an objective that works on characters turns one into the other.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pypack {

// Safe to use from many threads at once.
class TextCodec {
  public:
    TextCodec() = default;
    TextCodec(const TextCodec&) = delete;
    TextCodec& operator=(const TextCodec&) = delete;
    virtual ~TextCodec() = default;

    // Appends the text of ids, special tokens among them.
    virtual void decode(std::span<const std::uint32_t> ids, std::string& text) const = 0;

    // Appends the ids of a text, without special tokens around it.
    virtual void encode(std::string_view text, std::vector<std::uint32_t>& ids) const = 0;
};

}  // namespace pypack
