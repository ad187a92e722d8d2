#include "pack/decompose.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <numeric>
#include <vector>

#include "common/parallel.hpp"
#include "pack/block_placer.hpp"
#include "pack/census.hpp"
#include "pack/cutter.hpp"
#include "pack/run_places.hpp"

namespace pypack {

namespace {

using BucketCounts = std::array<std::int64_t, kMaxBuckets>;

// One chunk of documents: how many pieces it has in each bucket, then where its next piece goes.
struct ChunkPlan {
    Chunk documents;
    BucketCounts pieces{};
    BucketCounts next{};
    std::vector<std::uint32_t> rests;  // of Remainder::pack: how many take up v units
    PlanCounts counts;
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
          cutter_(buckets),
          num_threads_(num_threads),
          chunks_(static_cast<std::size_t>(std::max(num_threads, 1))) {
        options_.sequence_length =
            cutter_.piece(log2_floor(buckets.min_length));  // where remainders are packed
        // Documents reach the cutter whole, whatever their length, unless they are to be cut or left out
        // before.
        const bool splits = options.overflow == Overflow::split;
        whole_.sequence_length =
            splits ? std::numeric_limits<Length>::max() : cutter_.piece(cutter_.highest());
    }

    [[nodiscard]] PlanArrays run() {
        for_each_chunk([this](ChunkPlan& chunk) {
            chunk.rests.assign(packs_rest_ ? units_of(options_.sequence_length, options_.align) + 1 : 1, 0);
            cutter_.cuts_by_digits() ? count_digits(chunk) : count(chunk);
        });
        PlanArrays plan;
        Census rests;
        for (ChunkPlan& chunk : chunks_) {
            plan.counts.add(chunk.counts);
            rests.by_chunk.push_back(std::move(chunk.rests));
        }
        rests.add_up();
        const Runs runs = best_fit_runs(rests.totals, options_.max_documents);
        const Buffer<std::int64_t> row_starts = sequence_starts(runs);
        const std::int64_t pieces = lay_out();
        plan.resize_spans(pieces + runs.num_items);
        plan.sequence_offsets.resize(pieces + runs.num_sequences + 1);
        plan.sequence_capacity.resize(pieces + runs.num_sequences);
        auto ranks = first_ranks(rests);
        for_each_chunk([&](ChunkPlan& chunk) {
            cutter_.cuts_by_digits() ? place_digits(chunk, plan) : place(chunk, plan);
            if (!packs_rest_) return;
            const auto index = static_cast<std::size_t>(&chunk - chunks_.data());
            place_rests(chunk, rests.by_chunk[index], std::move(ranks[index]),
                        RunPlaces(runs, row_starts.view()), pieces, plan);
        });
        fill_buckets(plan, pieces);
        for (std::int64_t s = 0; s < runs.num_sequences; ++s) {
            plan.sequence_offsets[pieces + s] = pieces + row_starts[s];
            plan.sequence_capacity[pieces + s] = options_.sequence_length;
        }
        plan.sequence_offsets[pieces + runs.num_sequences] = pieces + runs.num_items;
        return plan;
    }

  private:
    template <typename Work>
    void for_each_chunk(Work&& work) {
        parallel_for(static_cast<std::int64_t>(chunks_.size()), num_threads_, [&](std::int64_t c) {
            const auto index = static_cast<std::size_t>(c);
            ChunkPlan& chunk = chunks_[index];
            chunk.documents = chunk_of(lengths_.size(), index, chunks_.size());
            try {
                work(chunk);
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
                           const Length end = cutter_.cut(document, length, [&](int bucket, Length) {
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

    // A block of documents by their lengths, 0 for those that are left out. Both passes go through a block
    // bucket by bucket: simple loops without branches, where cutting document by document guesses wrong about
    // every second piece (twice the time). Most of what is left is the kernel clearing the pages of the plan.
    struct Block {
        static constexpr std::size_t kSize = 1024;
        std::array<Length, kSize> lengths;
        std::size_t size;
        std::int64_t first;
    };

    template <typename Work>
    void for_each_block(const ChunkPlan& chunk, PlanCounts& counts, Work&& work) const {
        Block block;
        for (std::size_t begin = chunk.documents.begin; begin < chunk.documents.end; begin += Block::kSize) {
            const std::size_t end = std::min(chunk.documents.end, begin + Block::kSize);
            block.size = end - begin;
            block.first = static_cast<std::int64_t>(begin);
            block.lengths.fill(0);
            for_each_piece(lengths_, {begin, end}, whole_, counts,
                           [&](std::int64_t document, Length, Length length) {
                               block.lengths[static_cast<std::size_t>(document - block.first)] = length;
                           });
            work(block);
        }
    }

    void count_digits(ChunkPlan& chunk) const {
        std::array<Length, Block::kSize> spans;
        const Length rest_mask = cutter_.piece(cutter_.lowest()) - 1;
        for_each_block(chunk, chunk.counts, [&](const Block& block) {
            std::int64_t in_longest = 0;
            for (std::size_t i = 0; i < block.size; ++i) {
                spans[i] = block.lengths[i] >> cutter_.highest();
                in_longest += spans[i];
            }
            chunk.pieces[static_cast<std::size_t>(cutter_.highest())] += in_longest;
            for (int bucket = cutter_.lowest(); bucket < cutter_.highest(); ++bucket) {
                Length total = 0;
                for (std::size_t i = 0; i < block.size; ++i) {
                    const Length digit = (block.lengths[i] >> bucket) & 1;
                    spans[i] += digit;
                    total += digit;
                }
                chunk.pieces[static_cast<std::size_t>(bucket)] += total;
            }
            account_block(chunk, block, spans, rest_mask);
        });
    }

    // account() without branches: which of its ways a document takes comes at random.
    void account_block(ChunkPlan& chunk, const Block& block, const std::array<Length, Block::kSize>& spans,
                       Length rest_mask) const {
        std::int64_t lost_documents = 0;
        std::int64_t lost_tokens = 0;
        std::int64_t dropped_documents = 0;
        std::int64_t dropped_tokens = 0;
        std::int64_t split_documents = 0;
        const Length least = packs_rest_ ? std::max(options_.drop_shorter_than, Length{1})
                                         : std::numeric_limits<Length>::max();  // that is packed
        for (std::size_t i = 0; i < block.size; ++i) {
            const Length rest = block.lengths[i] & rest_mask;
            const Length lost = rest >= least ? 0 : rest;
            const Length all = spans[i] + (rest >= least ? 1 : 0);
            const Length dropped = all > 0 ? 0 : lost;
            lost_documents += lost > 0 ? 1 : 0;
            lost_tokens += lost;
            dropped_documents += dropped > 0 ? 1 : 0;
            dropped_tokens += dropped;
            split_documents += all > 1 ? 1 : 0;
        }
        chunk.counts.dropped_documents += dropped_documents;
        chunk.counts.dropped_tokens += dropped_tokens;
        chunk.counts.truncated_documents += lost_documents - dropped_documents;
        chunk.counts.truncated_tokens += lost_tokens - dropped_tokens;
        chunk.counts.split_documents += split_documents;
        if (!packs_rest_) return;
        for (std::size_t i = 0; i < block.size; ++i) {
            const Length rest = block.lengths[i] & rest_mask;
            ++chunk.rests[rest >= least ? units_of(rest, options_.align) : 0];
        }
        chunk.rests[0] = 0;
    }

    void place_digits(ChunkPlan& chunk, PlanArrays& plan) const {
        PlanCounts counted_before;
        std::array<std::uint16_t, Block::kSize> with_digit;
        static_assert(Block::kSize <= std::size_t{1} << 16);
        for_each_block(chunk, counted_before, [&](const Block& block) {
            auto& longest = chunk.next[static_cast<std::size_t>(cutter_.highest())];
            for (std::size_t i = 0; i < block.size; ++i) {
                const Length end = block.lengths[i] >> cutter_.highest() << cutter_.highest();
                for (Length start = 0; start < end; start += cutter_.piece(cutter_.highest())) {
                    plan.span_document[longest] = block.first + static_cast<std::int64_t>(i);
                    plan.span_start[longest++] = start;
                }
            }
            for (int bucket = cutter_.lowest(); bucket < cutter_.highest(); ++bucket) {
                // Every document is written, and overwritten by the next unless it has the digit.
                std::size_t found = 0;
                for (std::size_t i = 0; i < block.size; ++i) {
                    with_digit[found] = static_cast<std::uint16_t>(i);
                    found += static_cast<std::size_t>((block.lengths[i] >> bucket) & 1);
                }
                const Length higher = -(Length{2} << bucket);
                auto& next = chunk.next[static_cast<std::size_t>(bucket)];
                std::int64_t* const document_out = plan.span_document.data() + next;
                Length* const start_out = plan.span_start.data() + next;
                for (std::size_t j = 0; j < found; ++j) {
                    document_out[j] = block.first + with_digit[j];
                    start_out[j] = block.lengths[with_digit[j]] & higher;
                }
                next += static_cast<std::int64_t>(found);
            }
        });
    }

    // The remainders of a chunk, packed behind the `pieces` spans of the buckets.
    void place_rests(const ChunkPlan& chunk, std::span<const std::uint32_t> counts,
                     std::vector<std::int64_t> ranks, const RunPlaces& places, std::int64_t pieces,
                     PlanArrays& plan) const {
        const Length rest_mask = cutter_.piece(cutter_.lowest()) - 1;
        const auto visit = [&](Chunk documents, auto&& add) {
            PlanCounts counted_before;
            for_each_piece(lengths_, documents, whole_, counted_before,
                           [&](std::int64_t document, Length, Length length) {
                               const Length end = cutter_.cuts_by_digits()
                                                      ? length & ~rest_mask
                                                      : cutter_.cut(document, length, [](int, Length) {});
                               const Length rest = length - end;
                               if (packs(rest))
                                   add(units_of(rest, options_.align), Piece{document, end, rest});
                           });
        };
        place_chunk<Piece>(chunk.documents, counts, std::move(ranks), places, visit,
                           [&plan, pieces](const Piece& piece, std::int64_t place) {
                               plan.set_span(pieces + place, piece);
                           });
    }

    // Buckets from the longest down, in each the chunks in order. Returns the number of pieces.
    std::int64_t lay_out() {
        std::int64_t total = 0;
        for (int bucket = cutter_.highest(); bucket >= cutter_.lowest(); --bucket) {
            const auto b = static_cast<std::size_t>(bucket);
            for (ChunkPlan& chunk : chunks_) {
                chunk.next[b] = total;
                total += chunk.pieces[b];
            }
            bucket_end_[b] = total;
        }
        return total;
    }

    void place(ChunkPlan& chunk, PlanArrays& plan) const {
        PlanCounts counted_before;
        std::int64_t* const document_out = plan.span_document.data();
        Length* const start_out = plan.span_start.data();
        for_each_piece(lengths_, chunk.documents, whole_, counted_before,
                       [&](std::int64_t document, Length, Length length) {
                           cutter_.cut(document, length, [&](int bucket, Length start) {
                               const std::int64_t at = chunk.next[static_cast<std::size_t>(bucket)]++;
                               document_out[at] = document;
                               start_out[at] = start;
                           });
                       });
    }

    // What is the same for all sequences of a bucket.
    void fill_buckets(PlanArrays& plan, std::int64_t pieces) const {
        std::int64_t begin = 0;
        for (int bucket = cutter_.highest(); bucket >= cutter_.lowest(); --bucket) {
            const std::int64_t end = bucket_end_[static_cast<std::size_t>(bucket)];
            std::fill(plan.span_length.data() + begin, plan.span_length.data() + end, cutter_.piece(bucket));
            std::fill(plan.sequence_capacity.data() + begin, plan.sequence_capacity.data() + end,
                      cutter_.piece(bucket));
            begin = end;
        }
        std::iota(plan.sequence_offsets.data(), plan.sequence_offsets.data() + pieces, std::int64_t{0});
    }

    std::span<const Length> lengths_;
    PackOptions options_;
    PackOptions whole_;
    bool packs_rest_;
    Cutter cutter_;
    int num_threads_;
    std::vector<ChunkPlan> chunks_;
    BucketCounts bucket_end_{};
};

}  // namespace

PlanArrays decompose(std::span<const Length> lengths, const PackOptions& options,
                     const DecomposeOptions& buckets, int num_threads) {
    options.validate();
    buckets.validate(options);
    return Decomposer(lengths, options, buckets, num_threads).run();
}

}  // namespace pypack
