#include "pack/decompose/decompose.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <limits>
#include <vector>

#include "common/interrupt.hpp"
#include "common/parallel.hpp"
#include "common/streaming_fill.hpp"
#include "pack/best_fit/alike_sequences.hpp"
#include "pack/best_fit/piece_counts.hpp"
#include "pack/decompose/binary_cuts.hpp"
#include "pack/decompose/document_cuts.hpp"
#include "pack/decompose/sorted_pieces.hpp"

namespace pypack {

namespace {

constexpr std::size_t kGroup = 1024;  // documents at a time: an eighth of the fastest cache

using BucketCounts = std::array<std::int64_t, kMaxBuckets>;

// One chunk of documents: how many pieces it has in each bucket, then where its next piece goes there.
struct ChunkPlan {
    Chunk documents;
    BucketCounts pieces{};
    BucketCounts next{};
    BucketCounts end{};                // where its places in each bucket end
    std::vector<std::uint32_t> rests;  // of Remainder::pack: how many take up v units
    PlanCounts counts;
    bool is_plain = true;  // no document is left out or cut before
    std::exception_ptr failure;
};

class Decomposer {
  public:
    Decomposer(std::span<const Length> lengths, const PackOptions& options, const DecomposeOptions& buckets,
               int num_threads)
        : lengths_(lengths),
          options_(options),
          whole_(options),
          packs_rest_(buckets.remainder == Remainder::pack),
          cuts_(buckets),
          num_threads_(num_threads),
          chunks_(static_cast<std::size_t>(std::max(num_threads, 1))) {
        options_.sequence_length =
            cuts_.piece(log2_floor(buckets.min_length));  // where remainders are packed
        // Documents reach the cuts whole, whatever their length, unless they are to be cut or left out
        // before.
        const bool splits = options.overflow == Overflow::split;
        whole_.sequence_length = splits ? std::numeric_limits<Length>::max() : cuts_.piece(cuts_.highest());
    }

    [[nodiscard]] PlanArrays run() {
        for_each_chunk([this](ChunkPlan& chunk, std::size_t) {
            chunk.rests.assign(packs_rest_ ? units_of(options_.sequence_length, options_.align) + 1 : 1, 0);
            cuts_.are_binary() ? count_binary(chunk) : count(chunk);
        });
        const bool narrow =
            options_.align == 1 && lengths_.size() <= std::numeric_limits<std::uint32_t>::max();
        return narrow ? place_all<NarrowPiece>() : place_all<WidePiece>();
    }

  private:
    template <typename Item>
    [[nodiscard]] PlanArrays place_all() {
        PlanArrays plan;
        PieceCounts rests;
        for (ChunkPlan& chunk : chunks_) {
            plan.counts.add(chunk.counts);
            rests.by_chunk.push_back(std::move(chunk.rests));
        }
        rests.add_up();
        const Placements placements = best_fit_placements(rests.totals, options_.max_documents);
        const std::int64_t pieces = lay_out();
        const std::int64_t sequences = pieces + placements.num_sequences;
        plan.resize_spans(pieces + placements.num_items);
        plan.sequence_offsets.resize(sequences + 1);
        plan.sequence_capacity.resize(sequences);
        SortedPieces<Item> sorted(rests.totals, chunks_.size());
        const auto ranks = first_ranks(rests);
        for_each_chunk([&](ChunkPlan& chunk, std::size_t index) {
            fill_buckets(chunk, plan);
            typename SortedPieces<Item>::Taker taker(sorted, index, ranks[index]);
            cuts_.are_binary() ? place_binary(chunk, plan, taker) : place(chunk, plan, taker);
        });
        const AlikeSequences stretches = alike_sequences_of(placements);
        for_each_chunk([&](ChunkPlan&, std::size_t index) {
            const Chunk part =
                chunk_of(static_cast<std::size_t>(placements.num_sequences), index, chunks_.size());
            const auto begin = static_cast<std::int64_t>(part.begin);
            const auto end = static_cast<std::int64_t>(part.end);
            sorted.write(stretches, begin, end, pieces, plan);
            stretches.each(begin, end, [&](const Stretch& stretch, std::int64_t first, std::int64_t last) {
                const std::int64_t within = first - stretch.first_sequence;
                streaming_count(plan.sequence_offsets.data() + pieces + first, last - first,
                                pieces + stretch.first_span + within * stretch.spans, stretch.spans);
            });
        });
        streaming_fill(plan.sequence_capacity.data() + pieces, placements.num_sequences,
                       options_.sequence_length);
        plan.sequence_offsets[sequences] = pieces + placements.num_items;
        return plan;
    }

    template <typename Work>
    void for_each_chunk(Work&& work) {
        parallel_for(static_cast<std::int64_t>(chunks_.size()), num_threads_, [&](std::int64_t c) {
            const auto index = static_cast<std::size_t>(c);
            ChunkPlan& chunk = chunks_[index];
            chunk.documents = chunk_of(lengths_.size(), index, chunks_.size());
            try {
                work(chunk, index);
            } catch (...) {
                chunk.failure = std::current_exception();
            }
        });
        // Of several bad documents the first is named, whatever the number of threads.
        for (const ChunkPlan& chunk : chunks_) {
            if (chunk.failure) std::rethrow_exception(chunk.failure);
        }
    }

    void count(ChunkPlan& chunk) const {
        PlanCounts& counts = chunk.counts;
        for_each_piece(lengths_, chunk.documents, whole_, counts,
                       [&](std::int64_t document, Length, Length length) {
                           std::int64_t spans = 0;
                           const Length end = cuts_.cut(document, length, [&](int bucket, Length) {
                               ++chunk.pieces[static_cast<std::size_t>(bucket)];
                               ++spans;
                           });
                           account(chunk, length, end, spans);
                       });
    }

    [[nodiscard]] bool packs(Length rest) const {
        return packs_rest_ && rest >= std::max(options_.drop_shorter_than, Length{1});
    }

    // What becomes of a document whose `spans` pieces end at `end`.
    void account(ChunkPlan& chunk, Length length, Length end, std::int64_t spans) const {
        PlanCounts& counts = chunk.counts;
        const Length rest = length - end;
        if (packs(rest)) {
            ++chunk.rests[units_of(rest, options_.align)];
            ++spans;
        } else if (rest > 0 && spans > 0) {
            ++counts.truncated_documents;
            counts.truncated_tokens += rest;
        } else if (rest > 0) {
            ++counts.dropped_documents;
            counts.dropped_tokens += rest;
        }
        counts.split_documents += spans > 1 ? 1 : 0;
    }

    // Calls work(first document, lengths) for the documents of the chunk, a group at a time; the length of
    // one that is left out is 0. The first pass counts them.
    template <typename Work>
    void for_each_group(ChunkPlan& chunk, bool first_pass, Work&& work) const {
        PlanCounts counted_before;
        PlanCounts& counts = first_pass ? chunk.counts : counted_before;
        const PlainDocuments plain(whole_);
        const bool truncates = whole_.overflow == Overflow::truncate;
        std::array<Length, kGroup> kept;
        for (std::size_t begin = chunk.documents.begin; begin < chunk.documents.end; begin += kGroup) {
            if ((begin - chunk.documents.begin) % kDocumentsBetweenChecks == 0) check_interrupt();
            const std::size_t size = std::min(chunk.documents.end - begin, kGroup);
            const auto group = lengths_.subspan(begin, size);
            if ((!first_pass && chunk.is_plain) || plain.count(group, counts)) {
                if (truncates) plain.keep(group, kept.data());
                work(static_cast<std::int64_t>(begin),
                     truncates ? std::span<const Length>(kept.data(), size) : group);
                continue;
            }
            chunk.is_plain = false;
            kept.fill(0);
            for_each_piece(lengths_, {begin, begin + size}, whole_, counts,
                           [&](std::int64_t document, Length, Length length) {
                               kept[static_cast<std::size_t>(document) - begin] = length;
                           });
            work(static_cast<std::int64_t>(begin), std::span<const Length>(kept.data(), size));
        }
    }

    void count_binary(ChunkPlan& chunk) const {
        const Length rest_mask = cuts_.piece(cuts_.lowest()) - 1;
        const Length least_packed = packs_rest_ ? std::max(options_.drop_shorter_than, Length{1})
                                                : std::numeric_limits<Length>::max();
        for_each_group(chunk, true, [&](std::int64_t, std::span<const Length> lengths) {
            const CutCounts counts =
                count_binary_cuts(lengths, {cuts_.lowest(), cuts_.highest()}, least_packed, chunk.pieces);
            chunk.counts.dropped_documents += counts.dropped_documents;
            chunk.counts.dropped_tokens += counts.dropped_tokens;
            chunk.counts.truncated_documents += counts.truncated_documents;
            chunk.counts.truncated_tokens += counts.truncated_tokens;
            chunk.counts.split_documents += counts.split_documents;
            if (!packs_rest_) return;
            with_units(options_.align, [&, table = chunk.rests.data()](auto units_in) {
                for (const Length length : lengths) {
                    const Length rest = length & rest_mask;
                    ++table[rest >= least_packed ? units_in(rest) : 0];
                }
            });
        });
        chunk.rests[0] = 0;
    }

    template <typename Taker>
    void place_binary(ChunkPlan& chunk, PlanArrays& plan, Taker& rests) const {
        const Length rest_mask = cuts_.piece(cuts_.lowest()) - 1;
        const Length least_packed = std::max(options_.drop_shorter_than, Length{1});
        for_each_group(chunk, false, [&](std::int64_t first, std::span<const Length> lengths) {
            place_longest(chunk, first, lengths, plan);
            for (int bucket = cuts_.lowest(); bucket < cuts_.highest(); ++bucket) {
                const auto b = static_cast<std::size_t>(bucket);
                const std::int64_t next = chunk.next[b];
                chunk.next[b] += static_cast<std::int64_t>(
                    select_bucket(lengths, bucket, first, static_cast<std::size_t>(chunk.end[b] - next),
                                  plan.span_document.data() + next, plan.span_start.data() + next));
            }
        });
        if (!packs_rest_) return;
        // Not in the groups above: their pieces would drive the ends of the sorted lists out of the cache.
        // (To write those pieces past the caches, a line at a time, was slower.)
        for_each_group(chunk, false, [&](std::int64_t first, std::span<const Length> lengths) {
            rests.add_group(first, lengths, rest_mask, least_packed, options_.align);
        });
    }

    // How many of the longest pieces a document has comes at random too: of those that have any, kAtOnce are
    // written whatever it is, and more where there are more.
    void place_longest(ChunkPlan& chunk, std::int64_t first, std::span<const Length> lengths,
                       PlanArrays& plan) const {
        constexpr Length kAtOnce = 4;
        const auto b = static_cast<std::size_t>(cuts_.highest());
        const Length piece = cuts_.piece(cuts_.highest());
        std::array<std::uint32_t, kGroup + kMostSelectedAtOnce> positions;
        const std::size_t found = select_long(lengths, piece, positions.data());
        const std::array<Length, kAtOnce> first_starts{0, piece, 2 * piece, 3 * piece};
        std::int64_t next = chunk.next[b];
        const std::int64_t last_at_once = chunk.end[b] - kAtOnce;
        for (std::size_t f = 0; f < found; ++f) {
            const Length pieces = lengths[positions[f]] >> cuts_.highest();
            const std::int64_t document = first + positions[f];
            std::int64_t* const documents = plan.span_document.data() + next;
            Length* const starts = plan.span_start.data() + next;
            if (next <= last_at_once && pieces <= kAtOnce) {
                const std::array<std::int64_t, kAtOnce> same{document, document, document, document};
                std::memcpy(documents, same.data(), sizeof(same));
                std::memcpy(starts, first_starts.data(), sizeof(first_starts));
            } else {
                for (Length k = 0; k < pieces; ++k) {
                    documents[k] = document;
                    starts[k] = k * piece;
                }
            }
            next += pieces;
        }
        chunk.next[b] = next;
    }

    // Buckets from the longest down, in each the chunks in order. Returns the number of pieces.
    std::int64_t lay_out() {
        std::int64_t total = 0;
        for (int bucket = cuts_.highest(); bucket >= cuts_.lowest(); --bucket) {
            const auto b = static_cast<std::size_t>(bucket);
            for (ChunkPlan& chunk : chunks_) {
                chunk.next[b] = total;
                total += chunk.pieces[b];
                chunk.end[b] = total;
            }
        }
        return total;
    }

    template <typename Taker>
    void place(ChunkPlan& chunk, PlanArrays& plan, Taker& rests) const {
        PlanCounts counted_before;
        std::int64_t* const document_out = plan.span_document.data();
        Length* const start_out = plan.span_start.data();
        for_each_piece(lengths_, chunk.documents, whole_, counted_before,
                       [&](std::int64_t document, Length, Length length) {
                           const Length end = cuts_.cut(document, length, [&](int bucket, Length start) {
                               const std::int64_t at = chunk.next[static_cast<std::size_t>(bucket)]++;
                               document_out[at] = document;
                               start_out[at] = start;
                           });
                           const Length rest = length - end;
                           if (packs(rest)) rests.add(units_of(rest, options_.align), document, end, rest);
                       });
    }

    // What is the same for all sequences of a bucket.
    void fill_buckets(const ChunkPlan& chunk, PlanArrays& plan) const {
        for (int bucket = cuts_.lowest(); bucket <= cuts_.highest(); ++bucket) {
            const std::int64_t begin = chunk.next[static_cast<std::size_t>(bucket)];
            const std::int64_t size = chunk.end[static_cast<std::size_t>(bucket)] - begin;
            streaming_fill(plan.span_length.data() + begin, size, cuts_.piece(bucket));
            streaming_fill(plan.sequence_capacity.data() + begin, size, cuts_.piece(bucket));
            streaming_count(plan.sequence_offsets.data() + begin, size, begin, 1);
        }
    }

    std::span<const Length> lengths_;
    PackOptions options_;
    PackOptions whole_;
    bool packs_rest_;
    DocumentCuts cuts_;
    int num_threads_;
    std::vector<ChunkPlan> chunks_;
};

}  // namespace

PlanArrays decompose(std::span<const Length> lengths, const PackOptions& options,
                     const DecomposeOptions& buckets, int num_threads) {
    options.validate();
    buckets.validate(options);
    return Decomposer(lengths, options, buckets, num_threads).run();
}

}  // namespace pypack
