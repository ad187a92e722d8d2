// Byte-pair encoding of one word of any length, in O(n log n): merge the adjacent pair of lowest rank, the
// leftmost of several, until no pair of the table is left.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "common/types.hpp"
#include "tokenize/models/merge_table.hpp"

namespace pypack {

// Memory for the merging of one word at a time.
class LongMerge {
  public:
    // Leaves in `symbols` what they merge to. first_ranks[i] is the rank of symbols i and i + 1, or there are
    // none, and they are looked up.
    void merge(const MergeTable& table, std::vector<TokenId>& symbols,
               std::span<const std::uint32_t> first_ranks = {});

  private:
    // A symbol, the rank of its pair with the next one, and where its neighbours are. One piece of memory:
    // the positions of a rank lie far apart in a long word.
    struct Node {
        TokenId symbol;
        std::uint32_t rank;
        std::uint32_t next;
        std::uint32_t previous;
    };

    // Positions of pairs of one rank, in the order in which they were seen.
    struct alignas(64) Block {
        std::uint32_t older;
        std::uint32_t count;
        std::array<std::uint32_t, 14> positions;
    };

    // The positions of one rank, in rising order, of which those before `next` are done. The rest waits where
    // what one merge makes has to be merged before the next.
    struct Round {
        std::uint32_t rank = kNoRank;
        std::size_t next = 0;
        std::vector<std::uint32_t> positions;
    };

    void begin(const MergeTable& table, const std::vector<TokenId>& symbols,
               std::span<const std::uint32_t> first_ranks);
    void enqueue(std::uint32_t position, std::uint32_t rank);
    [[nodiscard]] std::uint32_t lowest_rank() const;
    void take(std::uint32_t rank, std::vector<std::uint32_t>& positions);
    Round& begin_round(std::uint32_t rank);
    [[nodiscard]] bool finish_round(const MergeTable& table, Round& round);
    void merge_at(std::uint32_t position, TokenId result);
    [[nodiscard]] std::uint32_t look_up_stale(const MergeTable& table);

    std::vector<Node> nodes_;

    // Blocks of positions for every rank, the newest first, and the set of ranks that have any, as a bit set
    // with one summary bit per word of the level below.
    std::vector<std::uint32_t> heads_;
    std::vector<Block> blocks_;
    std::vector<std::vector<std::uint64_t>> levels_;
    std::vector<Round> rounds_;
    std::size_t num_rounds_ = 0;        // in use; all but the last wait, for one of lower rank
    std::vector<std::uint32_t> stale_;  // positions whose pair has changed
};

}  // namespace pypack
