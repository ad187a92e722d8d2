#include "tokenize/word_cache.hpp"

#include <algorithm>
#include <bit>

namespace pypack {
namespace {

Buffer<ShortWordCache::Line> empty_lines(std::size_t count) {
    Buffer<ShortWordCache::Line> lines(static_cast<std::int64_t>(count));
    std::memset(static_cast<void*>(lines.data()), 0, count * sizeof(ShortWordCache::Line));
    return lines;
}

}  // namespace

ShortWordCache::ShortWordCache(std::size_t expected_words)
    // Room for half as many words again before the first growth.
    : num_lines_(std::clamp(std::bit_ceil(expected_words * 3 / 2), std::size_t{1024}, kMaxLines)),
      lines_(empty_lines(num_lines_)) {}

// Room for all there may be: what is not used is never touched, and nothing has to move to larger memory.
ShortWordCache::ShortWordCache(const ShortWordCache& other)
    : num_lines_(other.num_lines_),
      num_words_(other.num_words_),
      victims_(other.victims_),
      lines_(Buffer<Line>::with_room(kMaxLines, kMaxLines)) {
    lines_.resize(static_cast<std::int64_t>(num_lines_));
    spill_.reserve(kMaxSpilledIds);
    spill_ = other.spill_;
    std::memcpy(static_cast<void*>(lines_.data()), other.lines_.data(), num_lines_ * sizeof(Line));
}

ShortWordCache::Slot* ShortWordCache::free_slot(std::size_t index) {
    for (const std::size_t at : {index, neighbour(index)}) {
        for (Slot& slot : lines_[static_cast<std::int64_t>(at)].slots) {
            if (slot.is_free()) return &slot;
        }
    }
    return nullptr;
}

void ShortWordCache::insert(const WordKey& key, std::span<const TokenId> ids) {
    if (spill_.size() + ids.size() > kMaxSpilledIds) clear();
    if (num_words_ > num_lines_ && num_lines_ < kMaxLines) grow();  // half of the slots
    const std::size_t index = lines().index_of(key.hash());
    Slot* slot = free_slot(index);
    if (slot == nullptr) {
        slot = &lines_[static_cast<std::int64_t>(index)].slots[victims_++ & 1];
    } else {
        ++num_words_;
    }
    const bool spilled = ids.size() > kInlineIds;
    const std::uint64_t count = spilled ? Slot::kSpilled : ids.size();
    slot->key_ = {key.low, key.high | count << (64 - Slot::kCountBits)};
    if (spilled) {
        slot->ids_ = {static_cast<TokenId>(spill_.size()), static_cast<TokenId>(ids.size()), 0, 0};
        spill_.insert(spill_.end(), ids.begin(), ids.end());
    } else {
        slot->ids_ = {};
        std::copy(ids.begin(), ids.end(), slot->ids_.begin());
    }
}

// Every line becomes two, in place: each word stays or moves by as many lines as there were.
void ShortWordCache::grow() {
    lines_.resize(static_cast<std::int64_t>(2 * num_lines_));
    Line* const lines = lines_.data();
    for (std::size_t i = 0; i < num_lines_; ++i) {
        lines[num_lines_ + i] = lines[i];
        for (std::size_t j = 0; j < 2; ++j) {
            const Slot& slot = lines[i].slots[j];
            if (slot.is_free()) continue;
            const bool moves = (slot.key().hash() & num_lines_) != 0;
            lines[moves ? i : num_lines_ + i].slots[j] = Slot{};
        }
    }
    num_lines_ *= 2;
}

void ShortWordCache::clear() {
    std::memset(static_cast<void*>(lines_.data()), 0, num_lines_ * sizeof(Line));
    num_words_ = 0;
    spill_.clear();
}

// Room for all there may be, as in a copied ShortWordCache.
LongWordCache::LongWordCache() {
    texts_.reserve(kMaxBytes);
    ids_.reserve(kMaxBytes / sizeof(TokenId));
}

std::span<const TokenId> LongWordCache::find(std::string_view word, std::uint64_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = tag(hash) & mask; slots_[at].count != 0; at = (at + 1) & mask) {
        const Slot& slot = slots_[at];
        if (slot.tag != tag(hash) || slot.size != word.size()) continue;
        if (std::memcmp(texts_.data() + slot.text, word.data(), word.size()) != 0) continue;
        return {ids_.data() + slot.ids, slot.count};
    }
    return {};
}

void LongWordCache::insert(std::string_view word, std::uint64_t hash, std::span<const TokenId> ids) {
    if (ids.empty() || ids.size() > kMaxIds || word.size() > kMaxWordBytes) return;
    if (texts_.size() + word.size() > kMaxBytes || (ids_.size() + ids.size()) * sizeof(TokenId) > kMaxBytes ||
        num_words_ >= kMaxWords) {
        std::fill(slots_.begin(), slots_.end(), Slot{});
        texts_.clear();
        ids_.clear();
        num_words_ = 0;
    }
    if (2 * ++num_words_ > slots_.size()) grow();
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = tag(hash) & mask;
    while (slots_[at].count != 0) at = (at + 1) & mask;
    slots_[at] = {tag(hash), static_cast<std::uint32_t>(texts_.size()),
                  static_cast<std::uint32_t>(ids_.size()), static_cast<std::uint16_t>(word.size()),
                  static_cast<std::uint16_t>(ids.size())};
    texts_.append(word);
    ids_.insert(ids_.end(), ids.begin(), ids.end());
}

void LongWordCache::grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    const std::size_t mask = slots_.size() - 1;
    for (const Slot& slot : old) {
        if (slot.count == 0) continue;
        std::size_t at = slot.tag & mask;
        while (slots_[at].count != 0) at = (at + 1) & mask;
        slots_[at] = slot;
    }
}

}  // namespace pypack
