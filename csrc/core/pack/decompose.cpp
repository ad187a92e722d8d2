#include "pack/decompose.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <numeric>
#include <vector>

#include "common/parallel.hpp"
#include "pack/best_fit.hpp"
#include "pack/census.hpp"
#include "pack/cutter.hpp"

namespace pypack {

namespace {

using BucketCounts = std::array<std::int64_t, kMaxBuckets>;

// One chunk of documents: how many pieces it has in each bucket, then where its next piece goes.
struct ChunkPlan {
    Chunk documents;
    BucketCounts pieces{};
    BucketCounts next{};
    std::vector<Piece> rest;  // of Remainder::pack
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
        for_each_chunk(
            [this](ChunkPlan& chunk) { cutter_.cuts_by_digits() ? count_digits(chunk) : count(chunk); });
        PlanArrays plan;
        std::vector<Piece> rest;
        for (ChunkPlan& chunk : chunks_) {
            plan.counts.add(chunk.counts);
            if (rest.empty()) {
                rest = std::move(chunk.rest);
            } else {
                rest.insert(rest.end(), chunk.rest.begin(), chunk.rest.end());
            }
        }
        const PieceRows packed = best_fit_pieces(rest, options_);
        const std::int64_t whole_pieces = lay_out();
        const std::int64_t sequences = whole_pieces + packed.num_rows();
        plan.resize_spans(whole_pieces + static_cast<std::int64_t>(rest.size()));
        plan.sequence_offsets.resize(sequences + 1);
        plan.sequence_capacity.resize(sequences);
        for_each_chunk([&](ChunkPlan& chunk) {
            cutter_.cuts_by_digits() ? place_digits(chunk, plan) : place(chunk, plan);
        });
        fill_buckets(plan, whole_pieces);
        append(packed, plan, whole_pieces);
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
                           account(chunk, document, length, end, spans);
                       });
    }

    // What becomes of a document whose `spans` pieces end at `end`.
    void account(ChunkPlan& chunk, std::int64_t document, Length length, Length end,
                 std::int64_t spans) const {
        PlanCounts& counts = chunk.counts;
        const Length rest = length - end;
        if (rest > 0 && packs_rest_ && rest >= options_.drop_shorter_than) {
            chunk.rest.push_back({document, end, rest});
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
    // every second piece (twice the time). Half of what is left is the kernel clearing the pages of the plan.
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
            for (std::size_t i = 0; i < block.size; ++i) {
                const Length length = block.lengths[i];
                account(chunk, block.first + static_cast<std::int64_t>(i), length, length & ~rest_mask,
                        spans[i]);
            }
        });
    }

    void place_digits(ChunkPlan& chunk, PlanArrays& plan) const {
        PlanCounts counted_before;
        std::array<std::int64_t, Block::kSize> documents;
        std::array<Length, Block::kSize> starts;
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
                const Length higher = -(Length{2} << bucket);
                std::size_t found = 0;
                for (std::size_t i = 0; i < block.size; ++i) {
                    documents[found] = block.first + static_cast<std::int64_t>(i);
                    starts[found] = block.lengths[i] & higher;
                    found += static_cast<std::size_t>((block.lengths[i] >> bucket) & 1);
                }
                auto& next = chunk.next[static_cast<std::size_t>(bucket)];
                std::copy_n(documents.begin(), found, plan.span_document.data() + next);
                std::copy_n(starts.begin(), found, plan.span_start.data() + next);
                next += static_cast<std::int64_t>(found);
            }
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

    void append(const PieceRows& packed, PlanArrays& plan, std::int64_t pieces) const {
        for (std::int64_t i = 0; i < static_cast<std::int64_t>(packed.pieces.size()); ++i) {
            plan.set_span(pieces + i, packed.pieces[static_cast<std::size_t>(i)]);
        }
        for (std::int64_t s = 0; s < packed.num_rows(); ++s) {
            plan.sequence_offsets[pieces + s] = pieces + packed.offsets[s];
            plan.sequence_capacity[pieces + s] = options_.sequence_length;
        }
        plan.sequence_offsets[plan.sequence_offsets.size() - 1] = plan.span_document.size();
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
