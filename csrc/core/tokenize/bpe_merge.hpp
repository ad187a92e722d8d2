// Byte-pair encoding of one word: merge the adjacent pair of lowest rank, the leftmost of several, until no
// pair of the table is left.
#pragma once

#include <cstdint>
#include <vector>

#include "common/types.hpp"
#include "tokenize/merge_table.hpp"

namespace pypack {

// Memory for the merging of one word at a time.
class BpeMerger {
  public:
    // Appends the symbols that are left of `symbols` to ids; symbols is used up.
    void merge(const MergeTable& table, std::vector<TokenId>& symbols, std::vector<TokenId>& ids);

  private:
    // A pair seen at `position`, in a list of its rank.
    struct Entry {
        std::uint32_t position;
        std::uint32_t next;
    };

    void merge_short(const MergeTable& table, std::vector<TokenId>& symbols);
    void merge_long(const MergeTable& table, std::vector<TokenId>& symbols);
    void enqueue(std::uint32_t position, std::uint32_t rank);
    [[nodiscard]] std::uint32_t lowest_rank() const;
    void take(std::uint32_t rank);

    std::vector<std::uint32_t> ranks_;  // of the pair that begins at each symbol

    // merge_long: a list of positions for every rank, and the set of ranks whose list is not empty, as a
    // bit set with one summary bit per word of the level below.
    std::vector<std::uint32_t> heads_;
    std::vector<Entry> entries_;
    std::vector<std::vector<std::uint64_t>> levels_;
    std::vector<std::uint32_t> taken_;
    std::vector<std::uint32_t> next_;
    std::vector<std::uint32_t> previous_;
};

}  // namespace pypack
