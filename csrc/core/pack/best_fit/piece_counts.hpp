// How many pieces of each length the documents give, by chunk of documents, so that every chunk knows the
// ranks of its pieces among those of equal length. What the bulk packers plan from.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "pack/plan/options.hpp"

namespace pypack {

struct PieceCounts {
    std::vector<std::int64_t> totals;                  // [units + 1]: pieces that take up v units
    std::vector<std::vector<std::uint32_t>> by_chunk;  // the same for each chunk of documents
    std::vector<std::uint8_t> is_plain;                // whether each chunk has none but PlainDocuments
    PlanCounts plan_counts;

    void add_up();  // totals from by_chunk
    [[nodiscard]] std::size_t num_chunks() const { return by_chunk.size(); }
};

// Documents of chunk c out of `chunks`.
struct Chunk {
    std::size_t begin;
    std::size_t end;
};

[[nodiscard]] inline Chunk chunk_of(std::size_t documents, std::size_t chunk, std::size_t chunks) {
    return {documents / chunks * chunk + documents % chunks * chunk / chunks,
            documents / chunks * (chunk + 1) + documents % chunks * (chunk + 1) / chunks};
}

// A unit is `align` tokens. One chunk a thread; raises for the first bad document whatever the number of
// threads.
[[nodiscard]] PieceCounts count_pieces(std::span<const Length> lengths, const PackOptions& options,
                                       int num_threads);

// ranks[c][v]: rank of the first piece of v units in chunk c, among all pieces of v units.
[[nodiscard]] std::vector<std::vector<std::int64_t>> first_ranks(const PieceCounts& piece_counts);

// Throws for the first document that is negative, or too long under Overflow::error.
void refuse_bad_documents(std::span<const Length> lengths, const PackOptions& options);

// The documents that are one piece, from their start: nearly all. Whether a group of them holds no other, and
// what such a group counts, are loops without a branch over many documents an instruction.
class PlainDocuments {
  public:
    static constexpr std::size_t kGroup = 256;  // up to 2^16, sums of 16-bit halves fit in 32 bits

    explicit PlainDocuments(const PackOptions& options)
        : limit_(options.sequence_length),
          least_(options.drop_shorter_than > 1 ? options.drop_shorter_than : 1),
          most_(options.overflow == Overflow::truncate ? std::numeric_limits<Length>::max()
                                                       : options.sequence_length) {}

    [[nodiscard]] bool is_plain(Length length) const { return length >= least_ && length <= most_; }
    [[nodiscard]] Length kept(Length length) const { return length < limit_ ? length : limit_; }

    // kept() of each, which are plain.
    void keep(std::span<const Length> group, Length* out) const {
        for (std::size_t i = 0; i < group.size(); ++i) out[i] = kept(group[i]);
    }

    // Counts the documents if all of them are plain; else counts nothing and returns false.
    [[nodiscard]] bool count(std::span<const Length> group, PlanCounts& counts) const;

    // The same for documents that are split at every sequence, whatever is left of them, if none is empty.
    // Gives the longest, or 0 where it counts nothing.
    [[nodiscard]] Length count_split(std::span<const Length> group, PlanCounts& counts) const;

    // Whether documents that count so are all plain.
    [[nodiscard]] bool are_all(const PlanCounts& counts) const;

  private:
    Length limit_;
    Length least_;
    Length most_;
};

// Calls place(document, start, length) for the pieces of documents [begin, end), and counts them:
// cut_into_pieces() with short ways for plain documents, and those that are split whole. Truncated ones are
// taken along without a branch, since they are too many and too irregular to predict (13 % of web pages at
// 2048 tokens).
template <typename Place>
inline void for_each_piece(std::span<const Length> lengths, Chunk chunk, const PackOptions& options,
                           PlanCounts& counts, Place&& place) {
    const PlainDocuments plain(options);
    const bool splits = options.overflow == Overflow::split && options.drop_shorter_than <= 1;
    for (std::size_t begin = chunk.begin; begin < chunk.end; begin += PlainDocuments::kGroup) {
        const std::size_t end = std::min(chunk.end, begin + PlainDocuments::kGroup);
        if (plain.count(lengths.subspan(begin, end - begin), counts)) {
            const PlainDocuments here = plain;  // which no store of place() can alias
            for (std::size_t i = begin; i < end; ++i) {
                place(static_cast<std::int64_t>(i), Length{0}, here.kept(lengths[i]));
            }
            continue;
        }
        std::int64_t tokens = 0;
        std::int64_t kept_tokens = 0;
        std::int64_t truncated = 0;
        std::int64_t plain_documents = 0;
        std::int64_t split = 0;
        for (std::size_t i = begin; i < end; ++i) {
            const auto document = static_cast<std::int64_t>(i);
            const Length length = lengths[i];
            if (plain.is_plain(length)) [[likely]] {
                const Length kept = plain.kept(length);
                ++plain_documents;
                tokens += length;
                kept_tokens += kept;
                truncated += length > kept ? 1 : 0;
                place(document, Length{0}, kept);
            } else if (splits && length > options.sequence_length) {
                ++plain_documents;
                ++split;
                tokens += length;
                kept_tokens += length;
                Length start = 0;
                for (; length - start > options.sequence_length; start += options.sequence_length) {
                    place(document, start, options.sequence_length);
                }
                place(document, start, length - start);
            } else {
                cut_into_pieces(document, length, options, counts,
                                [&](Length start, Length piece) { place(document, start, piece); });
            }
        }
        counts.documents += plain_documents;
        counts.tokens += tokens;
        counts.truncated_documents += truncated;
        counts.truncated_tokens += tokens - kept_tokens;
        counts.split_documents += split;
    }
}

// for_each_piece() of a chunk that was counted before; `is_plain`: it has none but PlainDocuments.
template <typename Place>
inline void for_each_counted_piece(std::span<const Length> lengths, Chunk chunk, bool is_plain,
                                   const PackOptions& options, Place&& place) {
    if (is_plain) {
        const PlainDocuments plain(options);
        for (std::size_t i = chunk.begin; i < chunk.end; ++i) {
            place(static_cast<std::int64_t>(i), Length{0}, plain.kept(lengths[i]));
        }
        return;
    }
    PlanCounts counted_before;
    for_each_piece(lengths, chunk, options, counted_before, place);
}

}  // namespace pypack
