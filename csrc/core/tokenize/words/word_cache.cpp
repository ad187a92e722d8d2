#include "tokenize/words/word_cache.hpp"

#include <algorithm>
#include <bit>
#include <vector>

namespace pypack {
namespace {

template <typename T>
Buffer<T> with_room(std::size_t capacity) {
    const auto size = static_cast<std::int64_t>(capacity);
    return Buffer<T>::with_room(size, size);
}

}  // namespace

ShortWordCache::ShortWordCache(std::size_t expected_words)
    // Room for twice as many words, at least, before the first growth.
    : num_lines_(std::clamp(std::bit_ceil(expected_words * 3 / 2), std::size_t{1024}, kMaxLines)),
      lines_(with_room<Line>(kMaxLines)),
      spill_(with_room<TokenId>(kMaxSpilledIds)) {
    std::memset(static_cast<void*>(lines_.data()), 0, num_lines_ * sizeof(Line));
}

// False if the spill is full.
bool ShortWordCache::make_slot(const WordKey& key, std::span<const TokenId> ids, Slot& slot) {
    const bool spills = ids.size() > kInlineIds;
    const std::uint64_t count = spills ? Slot::kSpilled : ids.size();
    slot.key_ = {key.low, key.high | count << (64 - Slot::kCountBits)};
    if (!spills) {
        std::copy(ids.begin(), ids.end(), slot.ids_.begin());
        return true;
    }
    const std::size_t begin = spilled_.fetch_add(ids.size(), std::memory_order_relaxed);
    if (begin + ids.size() > kMaxSpilledIds) return false;
    std::memcpy(spill_.data() + begin, ids.data(), ids.size_bytes());
    slot.ids_ = {static_cast<TokenId>(begin), static_cast<TokenId>(ids.size()), 0, 0};
    return true;
}

ShortWordCache::Insertion ShortWordCache::insert(const WordKey& key, std::span<const TokenId> ids) {
    if (is_crowded()) return Insertion::kNoRoom;
    const std::size_t index = lines().index_of(key.hash());
    Line* const all = lines_.data();
    if (all[index].is_full() && all[neighbour(index)].is_full()) return Insertion::kNoSlot;
    Slot made{};
    if (!make_slot(key, ids, made)) return Insertion::kNoRoom;
    for (const std::size_t at : {index, neighbour(index)}) {
        for (Slot& slot : all[at].slots) {
            if (slot.fill(made)) return Insertion::kDone;
        }
    }
    return Insertion::kNoSlot;
}

void ShortWordCache::place(const WordKey& key, std::span<const TokenId> ids) {
    if (find(key) != nullptr) return;
    if (needs_room(ids.size())) make_room(ids.size());
    if (insert(key, ids) == Insertion::kDone) {
        count_words(1);
        return;
    }
    Slot made{};
    if (!make_slot(key, ids, made)) return;
    lines_.data()[lines().index_of(key.hash())].slots[victims_++ & 1] = made;
}

void ShortWordCache::make_room(std::size_t num_ids) {
    if (is_crowded()) grow();
    if (!overflows(num_ids)) return;
    std::memset(static_cast<void*>(lines_.data()), 0, num_lines_ * sizeof(Line));
    num_words_ = 0;
    spilled_ = 0;
}

// Every line becomes two, in place: each word stays or moves by as many lines as there were.
void ShortWordCache::grow() {
    Line* const lines = lines_.data();
    std::memcpy(static_cast<void*>(lines + num_lines_), lines, num_lines_ * sizeof(Line));
    num_lines_ *= 2;
    for (std::size_t pair = 0; pair < num_lines_; pair += 2) settle(pair);
}

// Puts the words of two neighbours that belong there each into its line, if there is room, and takes the
// others out.
void ShortWordCache::settle(std::size_t pair) {
    const Lines all = lines();
    Line* const both = lines_.data() + pair;
    std::array<Slot, 4> old;
    std::size_t count = 0;
    for (std::size_t i = 0; i < 2; ++i) {
        for (const Slot& slot : both[i].slots) {
            if (slot.is_free()) continue;
            const std::size_t home = all.index_of(slot.key().hash());
            if (home == pair || home == neighbour(pair)) old[count++] = slot;
        }
        both[i] = Line{};
    }
    const auto home_of = [&](const Slot& slot) { return all.index_of(slot.key().hash()) - pair; };
    for (const bool beside : {false, true}) {
        for (Slot& slot : std::span(old).first(count)) {
            if (slot.is_free()) continue;
            Line& line = both[home_of(slot) ^ std::size_t{beside}];
            if (line.is_full()) continue;
            line.slots[line.slots[0].is_free() ? 0 : 1] = slot;
            slot = Slot{};
        }
    }
}

LongWordCache::LongWordCache()
    : slots_(with_room<Slot>(2 * kMaxWords)),
      texts_(with_room<char>(kMaxBytes)),
      ids_(with_room<TokenId>(kMaxBytes / sizeof(TokenId))) {
    // A large page: with half of it, text in many scripts made all threads wait for its growth.
    clear_slots(std::int64_t{1} << 17);
}

void LongWordCache::clear_slots(std::int64_t count) {
    slots_.resize(count);
    std::fill(slots_.view().begin(), slots_.view().end(), Slot{});
}

std::span<const TokenId> LongWordCache::find(std::string_view word, std::uint64_t hash) const {
    const std::int64_t mask = slots_.size() - 1;
    for (std::int64_t at = slot_of(hash);; at = (at + 1) & mask) {
        const Slot& slot = slots_[at];
        const std::uint16_t count = load_acquire(slot.count);
        if (count == 0) return {};
        if (count == kClaimed || slot.tag != tag(hash) || slot.size != word.size()) continue;
        if (std::memcmp(texts_.data() + slot.text, word.data(), word.size()) != 0) continue;
        return {ids_.data() + slot.ids, count};
    }
}

LongWordCache::Slot& LongWordCache::claim_slot(std::uint32_t tag) {
    const std::int64_t mask = slots_.size() - 1;
    std::int64_t at = tag & mask;
    while (!replace_if(slots_[at].count, std::uint16_t{0}, kClaimed)) at = (at + 1) & mask;
    return slots_[at];
}

bool LongWordCache::insert(std::string_view word, std::uint64_t hash, std::span<const TokenId> ids) {
    if (ids.empty() || ids.size() > kMaxIds || word.size() > kMaxWordBytes) return true;
    const std::size_t num_words = num_words_.fetch_add(1, std::memory_order_relaxed);
    const std::size_t first_byte = num_bytes_.fetch_add(word.size(), std::memory_order_relaxed);
    const std::size_t first_id = num_ids_.fetch_add(ids.size(), std::memory_order_relaxed);
    if (!has_room(num_words + 1, first_byte + word.size(), first_id + ids.size())) return false;
    std::memcpy(texts_.data() + first_byte, word.data(), word.size());
    std::memcpy(ids_.data() + first_id, ids.data(), ids.size_bytes());
    Slot& slot = claim_slot(tag(hash));
    slot.tag = tag(hash);
    slot.text = static_cast<std::uint32_t>(first_byte);
    slot.ids = static_cast<std::uint32_t>(first_id);
    slot.size = static_cast<std::uint16_t>(word.size());
    store_release(slot.count, static_cast<std::uint16_t>(ids.size()));
    return true;
}

void LongWordCache::make_room(std::string_view word, std::span<const TokenId> ids) {
    const bool is_small = slots_.size() < static_cast<std::int64_t>(2 * kMaxWords);
    if (is_small && has_room(0, num_bytes_ + word.size(), num_ids_ + ids.size())) {
        const std::vector<Slot> old(slots_.view().begin(), slots_.view().end());
        clear_slots(2 * slots_.size());
        num_words_ = 0;
        for (const Slot& slot : old) {
            if (slot.count == 0) continue;
            claim_slot(slot.tag) = slot;
            ++num_words_;
        }
    } else {
        clear_slots(slots_.size());
        num_words_ = 0;
        num_bytes_ = 0;
        num_ids_ = 0;
    }
}

}  // namespace pypack
