#include "tokenize/models/long_merge.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "common/prefetch.hpp"
#include "tokenize/vocabulary/token_table.hpp"

namespace pypack {
namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFF;
constexpr std::size_t kAhead = 8;                         // positions whose memory is asked for in advance
constexpr std::size_t kKeptNodes = std::size_t{1} << 16;  // a word that needed more gives them back
constexpr std::size_t kKeptRounds = 8;

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
    if (head == kNone || blocks_[head].count == blocks_[head].positions.size()) {
        blocks_.push_back({head, 0, {}});
        head = static_cast<std::uint32_t>(blocks_.size() - 1);
    }
    Block& block = blocks_[head];
    block.positions[block.count++] = position;
}

std::uint32_t LongMerge::lowest_rank() const {
    if (levels_.back()[0] == 0) return kNoRank;
    std::size_t index = 0;
    for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
        index = index * 64 + static_cast<std::size_t>(std::countr_zero((*level)[index]));
    }
    return static_cast<std::uint32_t>(index);
}

// Moves the positions of `rank` into `positions`, in rising order.
void LongMerge::take(std::uint32_t rank, std::vector<std::uint32_t>& positions) {
    for (std::uint32_t at = heads_[rank]; at != kNone; at = blocks_[at].older) {
        const Block& block = blocks_[at];
        for (std::size_t i = block.count; i > 0; --i) positions.push_back(block.positions[i - 1]);
    }
    heads_[rank] = kNone;
    std::size_t index = rank;
    for (auto& level : levels_) {
        std::uint64_t& word = level[index / 64];
        word &= ~(std::uint64_t{1} << index % 64);
        if (word != 0) break;
        index /= 64;
    }
    std::reverse(positions.begin(), positions.end());
    if (!std::is_sorted(positions.begin(), positions.end())) std::sort(positions.begin(), positions.end());
}

LongMerge::Round& LongMerge::begin_round(std::uint32_t rank) {
    if (num_rounds_ == rounds_.size()) rounds_.emplace_back();
    Round& round = rounds_[num_rounds_++];
    round.rank = rank;
    round.next = 0;
    round.positions.clear();
    take(rank, round.positions);
    return round;
}

// Merges the pairs of a round from left to right. False if something else has to be merged before the rest.
bool LongMerge::finish_round(const MergeTable& table, Round& round) {
    const bool all_at_once = !table.is_out_of_order(round.rank);
    const std::vector<std::uint32_t>& positions = round.positions;
    TokenId result = kNoToken;
    while (round.next < positions.size()) {
        stale_.clear();
        do {
            if (round.next + kAhead < positions.size()) prefetch(&nodes_[positions[round.next + kAhead]]);
            const std::uint32_t at = positions[round.next++];
            const Node& node = nodes_[at];
            if (node.rank != round.rank) continue;  // one of the pair has been merged meanwhile
            if (result == kNoToken) result = table[{node.symbol, nodes_[node.next].symbol}].result;
            merge_at(at, result);
        } while (all_at_once && round.next < positions.size());
        // (To ask for what this reads ahead of time where it follows a single merge was no faster.)
        if (look_up_stale(table) <= round.rank) return false;
    }
    return true;
}

// Merges the pair at `position`. Its new pair, and that of the symbol before it, are stale.
void LongMerge::merge_at(std::uint32_t position, TokenId result) {
    Node* const nodes = nodes_.data();
    Node& node = nodes[position];
    Node& gone = nodes[node.next];
    node.symbol = result;
    node.rank = gone.rank = kNoRank;
    node.next = gone.next;
    if (node.previous != kNone && (stale_.empty() || stale_.back() != node.previous)) {
        nodes[node.previous].rank = kNoRank;
        stale_.push_back(node.previous);
    }
    if (node.next < nodes_.size()) {
        nodes[node.next].previous = position;
        stale_.push_back(position);
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

void LongMerge::begin(const MergeTable& table, const std::vector<TokenId>& symbols,
                      std::span<const std::uint32_t> first_ranks) {
    const std::size_t size = symbols.size();
    if (heads_.empty()) {
        heads_.assign(table.size(), kNone);
        for (std::size_t bits = table.size(); levels_.empty() || bits > 1;) {
            bits = (bits + 63) / 64;
            levels_.emplace_back(bits, 0);
        }
    }
    blocks_.clear();
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
}

// The pairs of the lowest rank are merged in one sweep from left to right, so that the cost of finding the
// next rank is shared between them, and what they need from memory is asked for ahead.
void LongMerge::merge(const MergeTable& table, std::vector<TokenId>& symbols,
                      std::span<const std::uint32_t> first_ranks) {
    const std::size_t size = symbols.size();
    if (table.size() == 0 || size < 2) return;
    begin(table, symbols, first_ranks);
    for (std::uint32_t rank; (rank = lowest_rank()) != kNoRank || num_rounds_ > 0;) {
        Round* round = num_rounds_ > 0 ? &rounds_[num_rounds_ - 1] : nullptr;
        if (round == nullptr || rank < round->rank) {
            round = &begin_round(rank);
        } else if (rank == round->rank) {
            // Found since the round began: what is made since can only be one of the pair where merges make
            // nothing longer. Vocabularies have none such, but any table may be given.
            round->positions.erase(round->positions.begin(),
                                   round->positions.begin() + static_cast<std::ptrdiff_t>(round->next));
            round->next = 0;
            take(rank, round->positions);
        }
        if (finish_round(table, *round)) --num_rounds_;
    }
    std::size_t kept = 0;
    for (std::uint32_t i = 0; i < size; i = nodes_[i].next) symbols[kept++] = nodes_[i].symbol;
    symbols.resize(kept);
    if (rounds_.size() > kKeptRounds) rounds_.resize(kKeptRounds);
    if (nodes_.capacity() > kKeptNodes) {
        nodes_ = {};
        blocks_ = {};
        rounds_ = {};
        stale_ = {};
    }
}

}  // namespace pypack
