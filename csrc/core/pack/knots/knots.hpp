// Untie the Knots (arXiv 2409.04774): the documents of a sequence are cut in chunks, and these shuffled, so
// that a model has to find what belongs together over a long distance.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/buffer.hpp"
#include "pack/plan/plan_arrays.hpp"
#include "pack/plan/plan_view.hpp"

namespace pypack {

struct KnotOptions {
    std::uint64_t seed = 0;
    // Kinds of sequences: kind i is drawn where 32 bits are below kinds[i] and not below those before it; the
    // last is 2^32. Of kind i, a span gets c + 1 chunks by chunks[i * num_chunks + c], read likewise.
    std::vector<std::uint64_t> kinds;
    std::vector<std::uint64_t> chunks;
    std::size_t num_chunks = 1;       // at most
    bool equal_cuts = false;          // at multiples of length / chunks, rounded down; else at places drawn
    bool keep_order = false;          // the chunks of a document stay in their order
    bool interleave = false;          // not shuffled: the first chunks of all documents, the second, ...
    std::vector<std::int32_t> knots;  // behind chunk c: 2c, before it: 2c - 1; none: no such tokens
    // Chunks of a document that was cut are named: D name /D before each; and S name s name ... /S behind the
    // last of them, with the names in the order of the document. D, /D, S, s, /S; none: no names.
    std::vector<std::int32_t> marks;
    std::vector<std::int32_t> letters;  // that names are drawn from
    std::int64_t name_length = 0;

    // Above 0: the last chance of `chunks` does not mean num_chunks of them, but chunks of so many tokens,
    // which are numbered: brackets[0] number brackets[1] before all but the first, brackets[2] number
    // brackets[3] behind all but the last, where there are brackets.
    std::int64_t chunk_size = 0;
    std::vector<std::int32_t> brackets;
    std::vector<std::vector<std::int32_t>> numbers;  // the tokens of 0, 1, ...

    // Literal tokens of a span in so many chunks, of `chunk_size` tokens or others.
    [[nodiscard]] std::int64_t literals_of(std::int64_t parts, bool sized = false) const;
    // Throws std::invalid_argument.
    void validate() const;
};

struct KnotCounts {
    std::int64_t cut_spans = 0;   // in two chunks or more
    std::int64_t chunks = 0;      // of those
    std::int64_t left_whole = 0;  // spans that were to be cut, for whose literals the sequence has no room
};

struct KnottedPlan {
    PlanArrays plan;  // without its counts
    Buffer<std::int64_t> literal_offsets;
    std::vector<std::int32_t> literal_tokens;
    std::vector<std::uint8_t> literal_learned;  // bits
    KnotCounts counts;
};

// The plan with its spans cut and shuffled, each sequence for itself: the last chunk of its last span stays
// the last. `capacity`: of every sequence, 0: as it was. The plan has no literals, and align 1. Throws
// std::invalid_argument for a plan with bad offsets.
[[nodiscard]] KnottedPlan tie_knots(const PlanView& plan, const KnotOptions& options, Length capacity);

}  // namespace pypack
