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
// short way for the documents that are one piece.
template <typename Place>
inline void for_each_piece(std::span<const Length> lengths, Chunk chunk, const PackOptions& options,
                           PlanCounts& counts, Place&& place) {
    const auto least =
        static_cast<std::uint32_t>(options.drop_shorter_than > 1 ? options.drop_shorter_than : 1);
    const auto range = static_cast<std::uint32_t>(options.sequence_length) - least;
    std::int64_t plain_tokens = 0;
    std::int64_t other_documents = 0;
    for (std::size_t i = chunk.begin; i < chunk.end; ++i) {
        const Length length = lengths[i];
        if (static_cast<std::uint32_t>(length) - least <= range) [[likely]] {
            plain_tokens += length;
            place(static_cast<std::int64_t>(i), Length{0}, length);
        } else {
            ++other_documents;
            const auto document = static_cast<std::int64_t>(i);
            cut_into_pieces(document, length, options, counts,
                            [&](Length start, Length piece) { place(document, start, piece); });
        }
    }
    counts.tokens += plain_tokens;
    counts.documents += static_cast<std::int64_t>(chunk.end - chunk.begin) - other_documents;
}

}  // namespace pypack
