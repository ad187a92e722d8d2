// Byte-pair encoding of a long word by way of short ones, where that can be proved right.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "common/types.hpp"
#include "tokenize/models/merge_table.hpp"
#include "tokenize/models/short_merge.hpp"

namespace pypack {

// Call a list of tokens an encoding when it is what merging the symbols of its text comes to.
// 1. Part of an encoding is an encoding: no merge crossed its ends, and of the merges within it the next one
//    was always the first of those possible there, as if it stood alone.
// 2. A list is an encoding if every two neighbours in it are one. Else some merge crosses a border between
//    tokens. Before the first that does, the two tokens beside that border have been merged as if they stood
//    alone; so that merge would come when they do.
// This holds whatever the merges and their order are. So the word is cut anywhere into segments, which are
// encoded; then, around each border, the last tokens of one and the first of the next are encoded together.
// Where the outer ones of these come out as they were, the two segments and what is now between them overlap
// in whole tokens: every two neighbours lie in one encoding, hence the list is the encoding of the word.
// Where they do not, LongMerge has to do it: a run of one letter, say, is counted from its start.
class SegmentedMerge {
  public:
    // Leaves in `symbols` what they merge to, and returns true; or false, `symbols` being as they were.
    [[nodiscard]] bool merge(const MergeTable& table, std::vector<TokenId>& symbols);

  private:
    static constexpr std::size_t kLanes = 8;
    static constexpr std::size_t kSegment = 48;  // symbols at most, and more than half of it
    static constexpr std::size_t kAtOnce = 32;   // segments; a word of which nothing comes is soon known

    struct Token {
        TokenId id;
        std::uint32_t begin;  // symbols before it

        bool operator==(const Token&) const = default;
    };
    // Symbols [begin, end) to be encoded, and where the tokens that they come to are.
    struct Job {
        std::uint32_t begin;
        std::uint32_t end;
        std::uint32_t first_token = 0;
        std::uint32_t num_tokens = 0;
    };
    // What is encoded around a border, and the tokens of the segments that it has to keep.
    struct Border {
        Job job;
        std::uint32_t kept_left;
        std::uint32_t kept_right;
    };

    void encode(const MergeTable& table, std::span<const TokenId> symbols, std::span<Job> jobs,
                std::vector<Token>& tokens);
    [[nodiscard]] bool place_border(std::size_t index, std::uint32_t beside, Border& border) const;
    [[nodiscard]] bool keeps(const Border& border) const;
    [[nodiscard]] bool look_around_borders(const MergeTable& table, std::span<const TokenId> symbols,
                                           std::size_t from, std::size_t to);
    void join(std::vector<TokenId>& symbols) const;

    std::array<ShortMerge, kLanes> lanes_;
    std::vector<Job> segments_;
    std::vector<Token> tokens_;
    std::vector<Border> borders_;  // i: between segments i and i + 1
    std::vector<Job> jobs_;
    std::vector<Token> border_tokens_;
};

}  // namespace pypack
