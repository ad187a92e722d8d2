#include "tokenize/bpe_merge.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace pypack {
namespace {

// Up to this many symbols a scan for the lowest rank is faster than any queue.
constexpr std::size_t kShort = 96;
constexpr std::uint32_t kNone = 0xFFFFFFFF;

}  // namespace

void BpeMerger::merge(const MergeTable& table, std::vector<TokenId>& symbols, std::vector<TokenId>& ids) {
    if (symbols.size() > 1 && table.size() > 0) {
        if (symbols.size() <= kShort) {
            merge_short(table, symbols);
        } else {
            merge_long(table, symbols);
        }
    }
    ids.insert(ids.end(), symbols.begin(), symbols.end());
}

void BpeMerger::merge_short(const MergeTable& table, std::vector<TokenId>& symbols) {
    std::size_t pairs = symbols.size() - 1;
    ranks_.resize(symbols.size());
    std::uint32_t* const ranks = ranks_.data();
    TokenId* const ids = symbols.data();
    for (std::size_t i = 0; i < pairs; ++i) ranks[i] = table.rank(ids[i], ids[i + 1]);
    while (pairs > 0) {
        std::uint32_t best = ranks[0];
        std::size_t at = 0;
        for (std::size_t i = 1; i < pairs; ++i) {
            if (ranks[i] < best) {
                best = ranks[i];
                at = i;
            }
        }
        if (best == kNoRank) break;
        ids[at] = table.result(best);
        std::memmove(ids + at + 1, ids + at + 2, (pairs - at - 1) * sizeof(TokenId));
        --pairs;
        if (at < pairs) {
            std::memmove(ranks + at + 1, ranks + at + 2, (pairs - at - 1) * sizeof(std::uint32_t));
            ranks[at] = table.rank(ids[at], ids[at + 1]);
        }
        if (at > 0) ranks[at - 1] = table.rank(ids[at - 1], ids[at]);
    }
    symbols.resize(pairs + 1);
}

void BpeMerger::enqueue(std::uint32_t position, std::uint32_t rank) {
    if (heads_[rank] == kNone) {
        std::size_t index = rank;
        for (auto& level : levels_) {
            std::uint64_t& word = level[index / 64];
            const bool was_empty = word == 0;
            word |= std::uint64_t{1} << index % 64;
            if (!was_empty) break;
            index /= 64;
        }
    }
    entries_.push_back({position, heads_[rank]});
    heads_[rank] = static_cast<std::uint32_t>(entries_.size() - 1);
}

std::uint32_t BpeMerger::lowest_rank() const {
    if (levels_.back()[0] == 0) return kNoRank;
    std::size_t index = 0;
    for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
        index = index * 64 + static_cast<std::size_t>(std::countr_zero((*level)[index]));
    }
    return static_cast<std::uint32_t>(index);
}

// Moves the positions in the list of `rank` to taken_, in rising order.
void BpeMerger::take(std::uint32_t rank) {
    taken_.clear();
    for (std::uint32_t entry = heads_[rank]; entry != kNone; entry = entries_[entry].next) {
        taken_.push_back(entries_[entry].position);
    }
    heads_[rank] = kNone;
    std::size_t index = rank;
    for (auto& level : levels_) {
        std::uint64_t& word = level[index / 64];
        word &= ~(std::uint64_t{1} << index % 64);
        if (word != 0) break;
        index /= 64;
    }
    std::reverse(taken_.begin(), taken_.end());
    if (!std::is_sorted(taken_.begin(), taken_.end())) std::sort(taken_.begin(), taken_.end());
}

// All pairs of the lowest rank are merged in one sweep from left to right, so that the cost of finding the
// next rank is shared between them, and memory is walked in order.
void BpeMerger::merge_long(const MergeTable& table, std::vector<TokenId>& symbols) {
    const std::size_t size = symbols.size();
    if (heads_.empty()) {
        heads_.assign(table.size(), kNone);
        for (std::size_t bits = table.size(); levels_.empty() || bits > 1;) {
            bits = (bits + 63) / 64;
            levels_.emplace_back(bits, 0);
        }
    }
    entries_.clear();
    ranks_.assign(size, kNoRank);
    next_.resize(size);
    previous_.resize(size);
    for (std::uint32_t i = 0; i < size; ++i) {
        next_[i] = i + 1;
        previous_[i] = i - 1;  // kNone for the first
    }
    const auto see = [&](std::uint32_t left, std::uint32_t right) {
        const std::uint32_t rank = table.rank(symbols[left], symbols[right]);
        ranks_[left] = rank;
        if (rank != kNoRank) enqueue(left, rank);
        return rank;
    };
    for (std::uint32_t i = 0; i + 1 < size; ++i) see(i, i + 1);

    for (std::uint32_t rank; (rank = lowest_rank()) != kNoRank;) {
        take(rank);
        const TokenId result = table.result(rank);
        for (std::size_t i = 0; i < taken_.size(); ++i) {
            const std::uint32_t at = taken_[i];
            if (ranks_[at] != rank) continue;  // one of the pair has been merged meanwhile
            const std::uint32_t gone = next_[at];
            symbols[at] = result;
            next_[at] = next_[gone];
            ranks_[gone] = kNoRank;
            std::uint32_t lowest_new = kNoRank;
            if (next_[at] < size) {
                previous_[next_[at]] = at;
                lowest_new = see(at, next_[at]);
            } else {
                ranks_[at] = kNoRank;
            }
            if (previous_[at] != kNone) lowest_new = std::min(lowest_new, see(previous_[at], at));
            if (lowest_new < rank) {
                // A list of merges that was not made by training may hold such pairs; they go first.
                for (++i; i < taken_.size(); ++i) enqueue(taken_[i], rank);
            }
        }
    }
    std::size_t kept = 0;
    for (std::uint32_t i = 0; i < size; i = next_[i]) symbols[kept++] = symbols[i];
    symbols.resize(kept);
}

}  // namespace pypack
