#include "tokenize/long_merge.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "common/prefetch.hpp"

namespace pypack {
namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFF;
constexpr std::size_t kAhead = 8;                         // positions whose memory is asked for in advance
constexpr std::size_t kKeptNodes = std::size_t{1} << 16;  // a word that needed more gives them back

}  // namespace

void LongMerge::enqueue(std::uint32_t position, std::uint32_t rank) {
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
    std::uint32_t& head = heads_[rank];
    if (head == kNone || chunks_[head].count == chunks_[head].positions.size()) {
        chunks_.push_back({head, 0, {}});
        head = static_cast<std::uint32_t>(chunks_.size() - 1);
    }
    Chunk& chunk = chunks_[head];
    chunk.positions[chunk.count++] = position;
}

std::uint32_t LongMerge::lowest_rank() const {
    if (levels_.back()[0] == 0) return kNoRank;
    std::size_t index = 0;
    for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
        index = index * 64 + static_cast<std::size_t>(std::countr_zero((*level)[index]));
    }
    return static_cast<std::uint32_t>(index);
}

// Moves the positions of `rank` to taken_, in rising order.
void LongMerge::take(std::uint32_t rank) {
    taken_.clear();
    for (std::uint32_t at = heads_[rank]; at != kNone; at = chunks_[at].older) {
        const Chunk& chunk = chunks_[at];
        for (std::size_t i = chunk.count; i > 0; --i) taken_.push_back(chunk.positions[i - 1]);
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

// Merges the pairs of `rank` at taken_[from, to), in order. Their new pairs, and those of the symbols before
// them, are stale.
void LongMerge::merge_taken(std::size_t from, std::size_t to, std::uint32_t rank, TokenId result) {
    stale_.clear();
    Node* const nodes = nodes_.data();
    for (std::size_t i = from; i < to; ++i) {
        if (i + kAhead < taken_.size()) prefetch(nodes + taken_[i + kAhead]);
        const std::uint32_t at = taken_[i];
        Node& node = nodes[at];
        if (node.rank != rank) continue;  // one of the pair has been merged meanwhile
        Node& gone = nodes[node.next];
        node.symbol = result;
        node.rank = gone.rank = kNoRank;
        node.next = gone.next;
        if (node.previous != kNone && (stale_.empty() || stale_.back() != node.previous)) {
            nodes[node.previous].rank = kNoRank;
            stale_.push_back(node.previous);
        }
        if (node.next < nodes_.size()) {
            nodes[node.next].previous = at;
            stale_.push_back(at);
        }
    }
}

// Returns the lowest of their ranks.
std::uint32_t LongMerge::look_up_stale(const MergeTable& table) {
    std::uint32_t lowest = kNoRank;
    const auto pair_at = [&](std::uint32_t at) {
        return MergeTable::Pair{nodes_[at].symbol, nodes_[nodes_[at].next].symbol};
    };
    for (std::size_t i = 0; i < stale_.size(); ++i) {
        if (i + kAhead < stale_.size()) table.prefetch(pair_at(stale_[i + kAhead]));
        const std::uint32_t at = stale_[i];
        const std::uint32_t rank = table[pair_at(at)].rank;
        nodes_[at].rank = rank;
        if (rank != kNoRank) enqueue(at, rank);
        lowest = std::min(lowest, rank);
    }
    return lowest;
}

// All pairs of the lowest rank are merged in one sweep from left to right, so that the cost of finding the
// next rank is shared between them, and what they need from memory is asked for ahead.
void LongMerge::merge(const MergeTable& table, std::vector<TokenId>& symbols,
                      std::span<const std::uint32_t> first_ranks) {
    const std::size_t size = symbols.size();
    if (table.size() == 0 || size < 2) return;
    if (heads_.empty()) {
        heads_.assign(table.size(), kNone);
        for (std::size_t bits = table.size(); levels_.empty() || bits > 1;) {
            bits = (bits + 63) / 64;
            levels_.emplace_back(bits, 0);
        }
    }
    chunks_.clear();
    nodes_.resize(size);
    for (std::uint32_t i = 0; i < size; ++i)
        nodes_[i] = {symbols[i], kNoRank, i + 1, i - 1};  // 0 - 1 is kNone
    if (first_ranks.empty()) {
        stale_.resize(size - 1);
        std::iota(stale_.begin(), stale_.end(), 0);
        (void)look_up_stale(table);
    } else {
        for (std::uint32_t i = 0; i + 1 < size; ++i) {
            nodes_[i].rank = first_ranks[i];
            if (first_ranks[i] != kNoRank) enqueue(i, first_ranks[i]);
        }
    }
    for (std::uint32_t rank; (rank = lowest_rank()) != kNoRank;) {
        take(rank);
        std::size_t done = 0;
        while (done < taken_.size() && nodes_[taken_[done]].rank != rank) ++done;
        if (done == taken_.size()) continue;
        const Node& first = nodes_[taken_[done]];
        const TokenId result = table[{first.symbol, nodes_[first.next].symbol}].result;
        // A new pair may have to go before the rest of these. (To ask for what its look-up reads ahead of
        // time, as look_up_stale does for many, was no faster.)
        const std::size_t at_once = table.is_out_of_order(rank) ? 1 : taken_.size();
        while (done < taken_.size()) {
            const std::size_t end = std::min(done + at_once, taken_.size());
            merge_taken(done, end, rank, result);
            done = end;
            if (look_up_stale(table) < rank) break;
        }
        for (; done < taken_.size(); ++done) enqueue(taken_[done], rank);
    }
    std::size_t kept = 0;
    for (std::uint32_t i = 0; i < size; i = nodes_[i].next) symbols[kept++] = nodes_[i].symbol;
    symbols.resize(kept);
    if (nodes_.capacity() > kKeptNodes) {
        nodes_ = {};
        chunks_ = {};
        taken_ = {};
        stale_ = {};
    }
}

}  // namespace pypack
