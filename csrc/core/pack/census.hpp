// How many pieces of each length the documents give, by chunk of documents, so that every chunk knows the
// ranks of its pieces among those of equal length. What the bulk packers plan from.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pack/options.hpp"

namespace pypack {

struct Census {
    std::vector<std::int64_t> totals;                  // [units + 1]: pieces that take up v units
    std::vector<std::vector<std::uint32_t>> by_chunk;  // the same for each chunk of documents
    PlanCounts counts;

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
[[nodiscard]] Census take_census(std::span<const Length> lengths, const PackOptions& options,
                                 int num_threads);

// Throws for the first document that is negative, or too long under Overflow::error.
void refuse_bad_documents(std::span<const Length> lengths, const PackOptions& options);

// Calls place(document, start, length) for the pieces of documents [begin, end): cut_into_pieces() with a
// short way for the documents that are one piece. Truncated ones are taken along without a branch, since they
// are too many and too irregular to predict (13 % of web pages at 2048 tokens).
template <typename Place>
inline void for_each_piece(std::span<const Length> lengths, Chunk chunk, const PackOptions& options,
                           PlanCounts& counts, Place&& place) {
    const bool truncates = options.overflow == Overflow::truncate;
    const Length limit = options.sequence_length;
    const auto least =
        static_cast<std::uint32_t>(options.drop_shorter_than > 1 ? options.drop_shorter_than : 1);
    const auto most = static_cast<std::uint32_t>(truncates ? std::numeric_limits<Length>::max() : limit);
    std::int64_t tokens = 0;
    std::int64_t kept_tokens = 0;
    std::int64_t truncated = 0;
    std::int64_t other_documents = 0;
    for (std::size_t i = chunk.begin; i < chunk.end; ++i) {
        const Length length = lengths[i];
        if (static_cast<std::uint32_t>(length) - least <= most - least) [[likely]] {
            const Length kept = length < limit ? length : limit;
            tokens += length;
            kept_tokens += kept;
            truncated += length > limit ? 1 : 0;
            place(static_cast<std::int64_t>(i), Length{0}, kept);
        } else {
            ++other_documents;
            const auto document = static_cast<std::int64_t>(i);
            cut_into_pieces(document, length, options, counts,
                            [&](Length start, Length piece) { place(document, start, piece); });
        }
    }
    counts.documents += static_cast<std::int64_t>(chunk.end - chunk.begin) - other_documents;
    counts.tokens += tokens;
    counts.truncated_documents += truncated;
    counts.truncated_tokens += tokens - kept_tokens;
}

}  // namespace pypack
