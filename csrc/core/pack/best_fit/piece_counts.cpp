#include "pack/best_fit/piece_counts.hpp"

#include <exception>
#include <mutex>

#include "common/parallel.hpp"
#include "common/simd.hpp"
#include "pack/best_fit/split_pieces.hpp"

namespace pypack {

namespace {

struct GroupSums {
    Length least;
    Length most;
    std::int64_t tokens;
    std::int64_t kept_tokens;
    std::int64_t truncated;
};

PYPACK_SIMD_CLONES GroupSums sum_group(const Length* lengths, std::size_t size, Length limit) {
    Length least = std::numeric_limits<Length>::max();
    Length most = 0;
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    std::uint32_t kept_low = 0;
    std::uint32_t kept_high = 0;
    std::uint32_t truncated = 0;
    for (std::size_t i = 0; i < size; ++i) {
        const Length length = lengths[i];
        const Length kept = length < limit ? length : limit;
        least = length < least ? length : least;
        most = length > most ? length : most;
        low += static_cast<std::uint32_t>(length) & 0xffff;
        high += static_cast<std::uint32_t>(length) >> 16;
        kept_low += static_cast<std::uint32_t>(kept) & 0xffff;
        kept_high += static_cast<std::uint32_t>(kept) >> 16;
        truncated += length > limit ? 1 : 0;
    }
    return {least, most, (std::int64_t{high} << 16) + low, (std::int64_t{kept_high} << 16) + kept_low,
            truncated};
}

// Up to so many units two tables stay in the first cache.
constexpr std::size_t kTwoTables = 4096;

// How many pieces of each number of units the documents of a chunk give, into `histogram`. Two tables in
// turns: an increment waits for the one before it where they hit the same counter.
template <bool kTwo>
void count_chunk(std::span<const Length> lengths, Chunk chunk, const PackOptions& options, PlanCounts& counts,
                 std::vector<std::uint32_t>& histogram) {
    const std::size_t size = histogram.size();
    if constexpr (kTwo) histogram.resize(2 * size);
    with_units(options.align, [&](auto units_in) {
        const auto place = [table = histogram.data(), units_in](std::int64_t document, Length,
                                                                Length length) {
            if constexpr (kTwo) {
                ++table[2 * units_in(length) + static_cast<std::size_t>(document & 1)];
            } else {
                ++table[units_in(length)];
            }
        };
        if (splits_into_wholes(options)) {
            const auto full = (size - 1) * (kTwo ? 2 : 1);
            const auto take = [table = histogram.data(), full](const SplitGroup& group) {
                for (std::size_t i = 0; i < group.size; ++i) {
                    const auto rest = static_cast<std::size_t>(group.rests[i]);
                    ++table[kTwo ? 2 * rest + i % 2 : rest];
                }
                std::uint32_t wholes = 0;
                for (std::size_t i = 0; i < group.size; ++i) {
                    wholes += static_cast<std::uint32_t>(group.wholes[i]);
                }
                table[full] += wholes;
                table[0] = 0;  // no rest is no piece
                if constexpr (kTwo) table[1] = 0;
            };
            for_each_split_group(lengths, chunk, options, counts, take, place);
        } else {
            for_each_piece(lengths, chunk, options, counts, place);
        }
    });
    if constexpr (kTwo) {
        for (std::size_t v = 0; v < size; ++v) histogram[v] = histogram[2 * v] + histogram[2 * v + 1];
        histogram.resize(size);
    }
}

}  // namespace

bool PlainDocuments::count(std::span<const Length> group, PlanCounts& counts) const {
    const GroupSums sums = sum_group(group.data(), group.size(), limit_);
    if (sums.least < least_ || sums.most > most_) return false;
    counts.documents += static_cast<std::int64_t>(group.size());
    counts.tokens += sums.tokens;
    counts.truncated_documents += sums.truncated;
    counts.truncated_tokens += sums.tokens - sums.kept_tokens;
    return true;
}

Length PlainDocuments::count_split(std::span<const Length> group, PlanCounts& counts) const {
    const GroupSums sums = sum_group(group.data(), group.size(), limit_);
    if (sums.least < 1) return 0;
    counts.documents += static_cast<std::int64_t>(group.size());
    counts.tokens += sums.tokens;
    counts.split_documents += sums.truncated;
    return sums.most;
}

bool PlainDocuments::are_all(const PlanCounts& counts) const {
    const bool only_truncated = most_ > limit_ || counts.truncated_documents == 0;
    return counts.empty_documents == 0 && counts.dropped_documents == 0 && counts.split_documents == 0 &&
           only_truncated;
}

void refuse_bad_documents(std::span<const Length> lengths, const PackOptions& options) {
    PlanCounts counts;
    for_each_piece(lengths, {0, lengths.size()}, options, counts, [](std::int64_t, Length, Length) {});
}

PieceCounts count_pieces(std::span<const Length> lengths, const PackOptions& options, int num_threads) {
    options.validate();
    const std::size_t units = static_cast<std::size_t>(options.sequence_length / options.align);
    const auto chunks = static_cast<std::size_t>(num_threads < 1 ? 1 : num_threads);
    PieceCounts piece_counts;
    piece_counts.by_chunk.resize(chunks);
    piece_counts.is_plain.resize(chunks);
    std::vector<PlanCounts> counts(chunks);
    std::vector<std::exception_ptr> failures(chunks);
    parallel_for(static_cast<std::int64_t>(chunks), num_threads, [&](std::int64_t c) {
        const auto index = static_cast<std::size_t>(c);
        auto& histogram = piece_counts.by_chunk[index];
        histogram.assign(units + 1, 0);
        // Kept apart by chunk so that the error names the first bad document, not the first one found.
        try {
            const Chunk chunk = chunk_of(lengths.size(), index, chunks);
            if (units < kTwoTables) {
                count_chunk<true>(lengths, chunk, options, counts[index], histogram);
            } else {
                count_chunk<false>(lengths, chunk, options, counts[index], histogram);
            }
            piece_counts.is_plain[index] = PlainDocuments(options).are_all(counts[index]) ? 1 : 0;
        } catch (...) {
            failures[index] = std::current_exception();
        }
    });
    for (std::size_t c = 0; c < chunks; ++c) {
        if (failures[c]) std::rethrow_exception(failures[c]);
        piece_counts.plan_counts.add(counts[c]);
    }
    piece_counts.add_up();
    return piece_counts;
}

void PieceCounts::add_up() {
    totals.assign(by_chunk.front().size(), 0);
    for (const auto& histogram : by_chunk) {
        for (std::size_t v = 0; v < totals.size(); ++v) totals[v] += histogram[v];
    }
}

std::vector<std::vector<std::int64_t>> first_ranks(const PieceCounts& piece_counts) {
    std::vector<std::vector<std::int64_t>> ranks(piece_counts.num_chunks(),
                                                 std::vector<std::int64_t>(piece_counts.totals.size(), 0));
    for (std::size_t c = 1; c < piece_counts.num_chunks(); ++c) {
        for (std::size_t v = 0; v < piece_counts.totals.size(); ++v) {
            ranks[c][v] = ranks[c - 1][v] + piece_counts.by_chunk[c - 1][v];
        }
    }
    return ranks;
}

}  // namespace pypack
