// Word → ids, exactly: words are compared byte by byte, never by a hash alone. Memory is bounded.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/buffer.hpp"
#include "common/types.hpp"
#include "tokenize/token_table.hpp"

namespace pypack {

// Up to 15 bytes of a word and their number, which fill 16 bytes.
struct WordKey {
    static constexpr std::size_t kMaxBytes = 15;

    std::uint64_t low;
    std::uint64_t high;

    bool operator==(const WordKey&) const = default;

    // The 16 bytes at `bytes` must be readable; size is 1 to 15.
    [[nodiscard]] static WordKey load(const char* bytes, std::size_t size) {
        WordKey key;
        std::memcpy(&key, bytes, sizeof key);
        const unsigned low_bytes = size < 8 ? static_cast<unsigned>(size) : 8;
        key.low &= kMasks[low_bytes];
        key.high = (key.high & kMasks[size - low_bytes]) | static_cast<std::uint64_t>(size) << 56;
        return key;
    }

    [[nodiscard]] std::uint64_t hash() const {
        const auto product =
            static_cast<unsigned __int128>(low ^ 0x9e3779b97f4a7c15ULL) * (high ^ 0xe7037ed1a0b428dbULL);
        return static_cast<std::uint64_t>(product >> 64) ^ static_cast<std::uint64_t>(product);
    }

  private:
    static constexpr std::array<std::uint64_t, 9> kMasks = [] {
        std::array<std::uint64_t, 9> masks{};
        for (unsigned bytes = 1; bytes < 8; ++bytes) masks[bytes] = (std::uint64_t{1} << 8 * bytes) - 1;
        masks[8] = ~std::uint64_t{0};
        return masks;
    }();
};

// The cache for words of up to 15 bytes: lines of two slots, each with up to three ids inline. A word is in
// its line or in the one beside it; when all four slots are taken and the table may not grow, one of them
// gives way. It starts small, because a table that fits the caches of the machine is faster.
class ShortWordCache {
  public:
    static constexpr std::uint32_t kInlineIds = 3;
    static constexpr std::size_t kMaxLines = std::size_t{1} << 20;       // 64 MiB
    static constexpr std::size_t kMaxSpilledIds = std::size_t{1} << 22;  // 16 MiB

    struct alignas(32) Slot {
        WordKey key;
        // More than three ids are in the spill, from ids[0] on.
        std::uint32_t ids[kInlineIds];
        std::uint32_t count;
    };
    struct alignas(64) Line {
        Slot slots[2];
    };

    explicit ShortWordCache(std::size_t expected_words);

    [[nodiscard]] std::size_t line_of(std::uint64_t hash) const { return hash & (num_lines_ - 1); }
    [[nodiscard]] const Line& line(std::size_t index) const {
        return lines_[static_cast<std::int64_t>(index)];
    }
    // Where a word of line `index` may be as well.
    [[nodiscard]] static std::size_t neighbour(std::size_t index) { return index ^ 1; }

    [[nodiscard]] const Slot* find(const WordKey& key, std::size_t index) const {
        for (const std::size_t at : {index, neighbour(index)}) {
            for (const Slot& slot : line(at).slots) {
                if (slot.key == key) return &slot;
            }
        }
        return nullptr;
    }

    [[nodiscard]] const std::uint32_t* ids(const Slot& slot) const {
        return slot.count <= kInlineIds ? slot.ids : spill_.data() + slot.ids[0];
    }

    void insert(const WordKey& key, const std::vector<TokenId>& ids);

  private:
    [[nodiscard]] Slot* free_slot(std::size_t index);
    void grow();
    void clear();

    std::size_t num_lines_;
    std::size_t num_words_ = 0;
    std::uint64_t victims_ = 0;
    Buffer<Line> lines_;
    std::vector<TokenId> spill_;
};

// The cache for longer words, which are rarer: a hash, then the bytes. When its memory is used up it starts
// again empty.
class LongWordCache {
  public:
    static constexpr std::size_t kMaxWordBytes = 512;
    static constexpr std::size_t kMaxBytes = std::size_t{1} << 24;  // of words, and of ids each
    static constexpr std::size_t kMaxWords = std::size_t{1} << 18;

    // The ids of a word, or nothing; valid until the next insert.
    [[nodiscard]] bool find(std::string_view word, std::uint64_t hash, const TokenId*& ids,
                            std::size_t& count) const;
    void insert(std::string_view word, std::uint64_t hash, const std::vector<TokenId>& ids);

  private:
    struct Slot {
        std::uint64_t hash = 0;
        std::uint32_t text = 0;
        std::uint32_t size = 0;
        std::uint32_t ids = 0;
        std::uint32_t count = 0;  // 0: the slot is free. Words without ids are not cached.
    };

    void grow();

    std::vector<Slot> slots_ = std::vector<Slot>(1024);
    std::size_t num_words_ = 0;
    std::string texts_;
    std::vector<TokenId> ids_;
};

}  // namespace pypack
