// Strings, and the number that each one stands for: a vocabulary.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/hash_key.hpp"
#include "common/prefetch.hpp"
#include "common/random.hpp"

namespace pypack {

inline constexpr std::uint32_t kNoToken = 0xFFFFFFFF;

// A hash of bytes, another one in every process; nothing is ordered by it. Both halves of a product with a
// secret factor: of a plain multiplication, bytes can be made up that cancel out whatever the key is.
[[nodiscard]] inline std::uint64_t hash_bytes(std::string_view bytes) {
    std::uint64_t hash = kHashKey.start ^ (0x9e3779b97f4a7c15ULL * (bytes.size() + 1));
    std::size_t i = 0;
    for (; i + 8 <= bytes.size(); i += 8) {
        std::uint64_t eight;
        std::memcpy(&eight, bytes.data() + i, 8);
        const auto product = static_cast<unsigned __int128>(hash ^ eight) * kHashKey.factor;
        hash = static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }
    // The bytes that are left, and of long strings some before them: a copy of as many as there are would be
    // a call with a branch for every number.
    const char* const data = bytes.data();
    const std::size_t size = bytes.size();
    std::uint64_t rest = 0;
    if (size >= 8) {
        std::memcpy(&rest, data + size - 8, 8);
    } else if (size >= 4) {
        std::uint32_t ends[2];
        std::memcpy(&ends[0], data, 4);
        std::memcpy(&ends[1], data + size - 4, 4);
        rest = std::uint64_t{ends[0]} << 32 | ends[1];
    } else if (size > 0) {
        const auto at = [&](std::size_t place) {
            return std::uint64_t{static_cast<unsigned char>(data[place])};
        };
        rest = at(0) << 16 | at(size / 2) << 8 | at(size - 1);
    }
    return mix64(hash ^ rest);
}

// Strings end to end: string i is bytes [offsets[i], offsets[i + 1]).
struct StringList {
    std::string text;
    std::vector<std::uint32_t> offsets{0};

    [[nodiscard]] std::size_t size() const { return offsets.size() - 1; }
    [[nodiscard]] std::string_view operator[](std::size_t i) const {
        return {text.data() + offsets[i], offsets[i + 1] - offsets[i]};
    }
    void push_back(std::string_view string) {
        text.append(string);
        if (text.size() > 0xFFFFFFFF) throw std::invalid_argument("the strings of a vocabulary exceed 4 GiB");
        offsets.push_back(static_cast<std::uint32_t>(text.size()));
    }
};

// Open addressing over a StringList that outlives it. Of equal strings the last one added wins.
class TokenTable {
  public:
    explicit TokenTable(const StringList& strings)
        : strings_(&strings), slots_(std::bit_ceil(2 * strings.size() + 2)) {}

    // Returns whether the string is new.
    bool insert(std::uint32_t index, std::uint32_t value) {
        const std::string_view key = (*strings_)[index];
        const std::uint64_t hash = hash_bytes(key);
        Slot& slot = slots_[find(key, hash)];
        const bool is_new = slot.index == kNoToken;
        slot = {static_cast<std::uint32_t>(hash >> 32), index, value};
        return is_new;
    }

    // kNoToken where there is no such string.
    [[nodiscard]] std::uint32_t operator[](std::string_view key) const {
        return slots_[find(key, hash_bytes(key))].value;
    }

    // The index of a string; kNoToken where there is no such string.
    [[nodiscard]] std::uint32_t index_of(std::string_view key) const {
        return slots_[find(key, hash_bytes(key))].index;
    }

    // The value of a string whose hash_bytes is at hand.
    [[nodiscard]] std::uint32_t value_of(std::string_view key, std::uint64_t hash) const {
        return slots_[find(key, hash)].value;
    }
    void prefetch(std::uint64_t hash) const { pypack::prefetch(&slots_[hash & (slots_.size() - 1)]); }

  private:
    struct Slot {
        std::uint32_t tag = 0;
        std::uint32_t index = kNoToken;
        std::uint32_t value = kNoToken;
    };

    [[nodiscard]] std::size_t find(std::string_view key, std::uint64_t hash) const {
        const std::size_t mask = slots_.size() - 1;
        const auto tag = static_cast<std::uint32_t>(hash >> 32);
        std::size_t at = hash & mask;
        while (slots_[at].index != kNoToken &&
               (slots_[at].tag != tag || (*strings_)[slots_[at].index] != key)) {
            at = (at + 1) & mask;
        }
        return at;
    }

    const StringList* strings_;
    std::vector<Slot> slots_;
};

}  // namespace pypack
