// Word → ids, exactly: words are compared byte by byte, never by a hash alone. Memory is bounded: both caches
// together stay below 100 MB, of which only what is used is ever touched.
//
// Threads look words up and insert them at the same time, and none waits: an entry appears at once and whole,
// where there was none, and stays as it is. (Two threads may insert one word twice; both entries are right.)
// What moves or removes entries (make_room, place) has to have the cache to itself; shared_word_cache.hpp
// sees to
// that.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "common/atomic_access.hpp"
#include "common/buffer.hpp"
#include "common/prefetch.hpp"
#include "common/simd.hpp"
#include "common/types.hpp"
#include "tokenize/vocabulary/token_table.hpp"

namespace pypack {

// Up to 15 bytes of a word and their number, in 15 and a half bytes.
struct WordKey {
    static constexpr std::size_t kMaxBytes = 15;
    static constexpr unsigned kUsedBits = 124;

    std::uint64_t low;
    std::uint64_t high;

    bool operator==(const WordKey&) const = default;

    // The 16 bytes at `bytes` must be readable; size is 1 to 15.
    [[nodiscard]] static WordKey load(const char* bytes, std::size_t size) {
        WordKey key;
        std::memcpy(&key, bytes, sizeof key);
        key.low &= kMasks[size].low;
        key.high = (key.high & kMasks[size].high) | static_cast<std::uint64_t>(size) << 56;
        return key;
    }

    // Of a word of 1 to 15 bytes, of which no more may be readable.
    [[nodiscard]] static WordKey of(std::string_view word) {
        const char* const data = word.data();
        const std::size_t size = word.size();
        std::uint64_t low = 0;
        std::uint64_t high = static_cast<std::uint64_t>(size) << 56;
        // Loads that overlap, since a copy of as many bytes as there are would be a call.
        if (size >= 8) {
            std::uint64_t last;
            std::memcpy(&low, data, 8);
            std::memcpy(&last, data + size - 8, 8);
            high |= last >> 8 * (15 - size) >> 8;
        } else if (size >= 4) {
            std::uint32_t ends[2];
            std::memcpy(&ends[0], data, 4);
            std::memcpy(&ends[1], data + size - 4, 4);
            low = ends[0] | std::uint64_t{ends[1]} << 8 * (size - 4);
        } else {
            for (const std::size_t i : {std::size_t{0}, size / 2, size - 1}) {
                low |= std::uint64_t{static_cast<unsigned char>(data[i])} << 8 * i;
            }
        }
        return {low, high};
    }

    // The same of the `size` bytes before `end`, where the 16 bytes before it must be readable.
    [[nodiscard]] static WordKey load_before(const char* end, std::size_t size) {
        std::uint64_t words[2];
        std::memcpy(words, end - sizeof words, sizeof words);
        const auto bytes = static_cast<unsigned __int128>(words[1]) << 64 | words[0];
        const unsigned __int128 moved = bytes >> 8 * (sizeof words - size);
        return {static_cast<std::uint64_t>(moved),
                static_cast<std::uint64_t>(moved >> 64) | static_cast<std::uint64_t>(size) << 56};
    }

    [[nodiscard]] std::uint64_t hash() const {
        const auto product =
            static_cast<unsigned __int128>(low ^ 0x9e3779b97f4a7c15ULL) * (high ^ 0xe7037ed1a0b428dbULL);
        return static_cast<std::uint64_t>(product >> 64) ^ static_cast<std::uint64_t>(product);
    }

  private:
    struct Mask {
        std::uint64_t low;
        std::uint64_t high;
    };
    // Of the first bytes, by their number.
    static constexpr std::array<Mask, kMaxBytes + 1> kMasks = [] {
        std::array<Mask, kMaxBytes + 1> masks{};
        for (std::size_t size = 0; size <= kMaxBytes; ++size) {
            for (std::size_t i = 0; i < size; ++i) {
                (i < 8 ? masks[size].low : masks[size].high) |= std::uint64_t{0xFF} << 8 * (i % 8);
            }
        }
        return masks;
    }();
};

// The cache for words of up to 15 bytes: lines of two slots, each with up to four ids inline. A word is in
// its line, or when that is full in the one beside it. It starts small, because a table that fits the caches
// of the machine is faster.
class ShortWordCache {
  public:
    static constexpr std::uint32_t kInlineIds = 4;
    static constexpr std::size_t kMaxLines = std::size_t{1} << 20;       // 64 MiB
    static constexpr std::size_t kMaxSpilledIds = std::size_t{1} << 21;  // 8 MiB

    class alignas(32) Slot {
      public:
        [[nodiscard]] bool is_free() const { return load_acquire(key_.high) == 0; }
        [[nodiscard]] bool holds(const WordKey& key) const { return look(key).found; }
        [[nodiscard]] WordKey key() const { return {key_.low, key_.high & ~std::uint64_t{0} >> kCountBits}; }
        // Of the word that is found. More than kInlineIds: they are in the spill, ids()[1] of them from
        // ids()[0] on.
        struct Look {
            bool found;
            std::uint32_t inline_count;
        };
        // Both from one load, since the slot may be filled meanwhile.
        [[nodiscard]] PYPACK_INLINE Look look(const WordKey& key) const {
            const std::uint64_t high = load_acquire(key_.high);
            // One comparison of both halves, whose outcome alone is branched upon.
            return {((load_relaxed(key_.low) ^ key.low) | (high ^ key.high) << kCountBits) == 0,
                    static_cast<std::uint32_t>(high >> (64 - kCountBits))};
        }
        [[nodiscard]] std::uint32_t inline_count() const {
            return static_cast<std::uint32_t>(load_relaxed(key_.high) >> (64 - kCountBits));
        }
        [[nodiscard]] const TokenId* ids() const { return ids_.data(); }

      private:
        friend class ShortWordCache;
        static constexpr unsigned kCountBits = 128 - WordKey::kUsedBits;
        static constexpr std::uint64_t kSpilled = (1U << kCountBits) - 1;

        // Less than any key: somebody is about to fill the slot.
        static constexpr std::uint64_t kClaimed = 1;

        // A free slot becomes this one, unless another thread is first: whoever finds the key finds the ids.
        bool fill(const Slot& slot) {
            if (!is_free() || !replace_if(key_.high, std::uint64_t{0}, kClaimed)) return false;
            ids_ = slot.ids_;
            store_relaxed(key_.low, slot.key_.low);
            store_release(key_.high, slot.key_.high);
            return true;
        }

        WordKey key_;  // with inline_count in the bits that a key leaves
        std::array<TokenId, kInlineIds> ids_;
    };
    struct alignas(64) Line {
        Slot slots[2];  // filled from the front

        [[nodiscard]] bool is_full() const { return !slots[1].is_free(); }
    };

    explicit ShortWordCache(std::size_t expected_words);

    // Where words are looked for; valid until make_room() or place().
    class Lines {
      public:
        Lines(const Line* lines, std::size_t count) : lines_(lines), mask_(count - 1) {}
        [[nodiscard]] std::size_t index_of(std::uint64_t hash) const { return hash & mask_; }
        [[nodiscard]] const Line& operator[](std::size_t index) const { return lines_[index]; }

      private:
        const Line* lines_;
        std::size_t mask_;
    };
    [[nodiscard]] Lines lines() const { return {lines_.data(), num_lines_}; }

    [[nodiscard]] const Slot* find(const WordKey& key) const {
        const Lines all = lines();
        const std::size_t index = all.index_of(key.hash());
        for (const std::size_t at : {index, neighbour(index)}) {
            const Line& line = all[at];
            for (const Slot& slot : line.slots) {
                if (slot.holds(key)) return &slot;
            }
            if (!line.is_full()) return nullptr;
        }
        return nullptr;
    }

    [[nodiscard]] std::span<const TokenId> ids(const Slot& slot) const {
        const std::uint32_t count = slot.inline_count();
        if (count <= kInlineIds) return {slot.ids(), count};
        return {spill_.data() + slot.ids()[0], slot.ids()[1]};
    }

    enum class Insertion : std::uint8_t { kDone, kNoRoom, kNoSlot };  // make_room() or place() helps

    // The key should not be in the cache. Done, it is to be counted.
    [[nodiscard]] Insertion insert(const WordKey& key, std::span<const TokenId> ids);
    void count_words(std::size_t inserted) { num_words_.fetch_add(inserted, std::memory_order_relaxed); }

    // Whether a word with so many ids waits for make_room().
    [[nodiscard]] bool needs_room(std::size_t num_ids) const { return is_crowded() || overflows(num_ids); }
    // With the cache to itself: doubles the table, or starts again empty where the spill is full.
    void make_room(std::size_t num_ids);
    // With the cache to itself: puts a word for which its lines had no slot in another one's place.
    void place(const WordKey& key, std::span<const TokenId> ids);

  private:
    // Where a word of line `index` may be as well.
    [[nodiscard]] static std::size_t neighbour(std::size_t index) { return index ^ 1; }
    [[nodiscard]] bool is_crowded() const {
        return 2 * num_words_ > 3 * num_lines_ && num_lines_ < kMaxLines;
    }
    [[nodiscard]] bool overflows(std::size_t num_ids) const {
        return num_ids > kInlineIds && spilled_ + num_ids > kMaxSpilledIds;
    }
    [[nodiscard]] bool make_slot(const WordKey& key, std::span<const TokenId> ids, Slot& slot);
    void grow();
    void settle(std::size_t pair);

    std::size_t num_lines_;
    // Both have room for all there may be: what is not used is never touched, and nothing has to move.
    Buffer<Line> lines_;
    Buffer<TokenId> spill_;
    std::uint64_t victims_ = 0;
    // Apart from what is read all the time.
    alignas(64) std::atomic<std::size_t> num_words_{0};
    std::atomic<std::size_t> spilled_{0};
};

// The cache for longer words, which are rarer: a hash, then the bytes. When its memory is used up it starts
// again empty.
class LongWordCache {
  public:
    static constexpr std::size_t kMaxWordBytes = 512;
    static constexpr std::size_t kMaxIds = 0xFFFE;                  // of a word
    static constexpr std::size_t kMaxBytes = std::size_t{1} << 23;  // of words, and of ids each
    static constexpr std::size_t kMaxWords = std::size_t{1} << 17;

    LongWordCache();

    void prefetch(std::uint64_t hash) const { pypack::prefetch(&slots_[slot_of(hash)]); }

    // The ids of a word, none if it is not there; valid until make_room().
    [[nodiscard]] std::span<const TokenId> find(std::string_view word, std::uint64_t hash) const;

    // The word should not be in the cache. False: make_room() has to come first. Words that it never holds
    // are passed over.
    [[nodiscard]] bool insert(std::string_view word, std::uint64_t hash, std::span<const TokenId> ids);

    // Whether the word waits for make_room().
    [[nodiscard]] bool needs_room(std::string_view word, std::span<const TokenId> ids) const {
        return !has_room(num_words_ + 1, num_bytes_ + word.size(), num_ids_ + ids.size());
    }
    // With the cache to itself: doubles the table, or starts again empty.
    void make_room(std::string_view word, std::span<const TokenId> ids);

  private:
    struct Slot {
        std::uint32_t tag = 0;
        std::uint32_t text = 0;
        std::uint32_t ids = 0;
        std::uint16_t size = 0;
        std::uint16_t count = 0;  // 0: the slot is free. Words without ids are not cached.
    };
    static constexpr std::uint16_t kClaimed = 0xFFFF;  // in place of a count

    // The half of a hash that is kept, and that says where the word is looked for.
    [[nodiscard]] static std::uint32_t tag(std::uint64_t hash) {
        return static_cast<std::uint32_t>(hash >> 32);
    }
    [[nodiscard]] std::int64_t slot_of(std::uint64_t hash) const { return tag(hash) & (slots_.size() - 1); }
    [[nodiscard]] bool has_room(std::size_t num_words, std::size_t num_bytes, std::size_t num_ids) const {
        return 2 * num_words <= static_cast<std::size_t>(slots_.size()) && num_bytes <= kMaxBytes &&
               num_ids <= kMaxBytes / sizeof(TokenId);
    }
    [[nodiscard]] Slot& claim_slot(std::uint32_t tag);
    void clear_slots(std::int64_t count);

    // All have room for as much as there may be.
    Buffer<Slot> slots_;
    Buffer<char> texts_;
    Buffer<TokenId> ids_;
    alignas(64) std::atomic<std::size_t> num_words_{0};
    std::atomic<std::size_t> num_bytes_{0};
    std::atomic<std::size_t> num_ids_{0};
};

}  // namespace pypack
