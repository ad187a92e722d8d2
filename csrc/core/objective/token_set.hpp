// A set of token ids: one bit an id, up to the largest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pypack {

class TokenSet {
  public:
    TokenSet() = default;
    explicit TokenSet(std::span<const std::uint32_t> ids) {
        for (const std::uint32_t id : ids) {
            const std::size_t word = id / 64;
            if (word >= bits_.size()) bits_.resize(word + 1);
            bits_[word] |= std::uint64_t{1} << (id % 64);
        }
    }

    template <typename Id>
    [[nodiscard]] bool contains(Id id) const {
        const auto number = static_cast<std::uint64_t>(id);
        return number / 64 < bits_.size() && (bits_[number / 64] >> (number % 64) & 1U) != 0;
    }

  private:
    std::vector<std::uint64_t> bits_;
};

}  // namespace pypack
