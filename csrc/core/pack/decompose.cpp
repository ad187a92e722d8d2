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
#include "pack/digits.hpp"
#include "pack/run_places.hpp"

namespace pypack {

namespace {

using BucketCounts = std::array<std::int64_t, kMaxBuckets>;

// One chunk of documents: how many pieces it has in each bucket, then where its next piece goes there.
struct ChunkPlan {
    Chunk documents;
    BucketCounts pieces{};
    BucketCounts next{};
    BucketCounts end{};                // where its places in each bucket end
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

    // Calls work(first document, lengths) for the documents of the chunk, a group at a time; the length of
    // one that is left out is 0.
    template <typename Work>
    void for_each_group(const ChunkPlan& chunk, PlanCounts& counts, Work&& work) const {
        constexpr std::size_t kGroup = PlainDocuments::kGroup;
        const PlainDocuments plain(whole_);
        const bool truncates = whole_.overflow == Overflow::truncate;
        std::array<Length, kGroup> kept;
        for (std::size_t begin = chunk.documents.begin; begin < chunk.documents.end; begin += kGroup) {
            const std::size_t size = std::min(chunk.documents.end - begin, kGroup);
            const auto group = lengths_.subspan(begin, size);
            if (plain.count(group, counts)) {
                if (truncates) plain.keep(group, kept.data());
                work(static_cast<std::int64_t>(begin),
                     truncates ? std::span<const Length>(kept.data(), size) : group);
                continue;
            }
            kept.fill(0);
            for_each_piece(lengths_, {begin, begin + size}, whole_, counts,
                           [&](std::int64_t document, Length, Length length) {
                               kept[static_cast<std::size_t>(document) - begin] = length;
                           });
            work(static_cast<std::int64_t>(begin), std::span<const Length>(kept.data(), size));
        }
    }

    void count_digits(ChunkPlan& chunk) const {
        const Length rest_mask = cutter_.piece(cutter_.lowest()) - 1;
        const Length least_packed = packs_rest_ ? std::max(options_.drop_shorter_than, Length{1})
                                                : std::numeric_limits<Length>::max();
        for_each_group(chunk, chunk.counts, [&](std::int64_t, std::span<const Length> lengths) {
            const DigitCounts counts = pypack::count_digits(lengths, {cutter_.lowest(), cutter_.highest()},
                                                            least_packed, chunk.pieces);
            chunk.counts.dropped_documents += counts.dropped_documents;
            chunk.counts.dropped_tokens += counts.dropped_tokens;
            chunk.counts.truncated_documents += counts.truncated_documents;
            chunk.counts.truncated_tokens += counts.truncated_tokens;
            chunk.counts.split_documents += counts.split_documents;
            if (!packs_rest_) return;
            for (const Length length : lengths) {
                const Length rest = length & rest_mask;
                ++chunk.rests[rest >= least_packed ? units_of(rest, options_.align) : 0];
            }
        });
        chunk.rests[0] = 0;
    }

    void place_digits(ChunkPlan& chunk, PlanArrays& plan) const {
        PlanCounts counted_before;
        for_each_group(chunk, counted_before, [&](std::int64_t first, std::span<const Length> lengths) {
            place_longest(chunk, first, lengths, plan);
            for (int bucket = cutter_.lowest(); bucket < cutter_.highest(); ++bucket) {
                const auto b = static_cast<std::size_t>(bucket);
                const std::int64_t next = chunk.next[b];
                chunk.next[b] += static_cast<std::int64_t>(
                    select_digit(lengths, bucket, first, static_cast<std::size_t>(chunk.end[b] - next),
                                 plan.span_document.data() + next, plan.span_start.data() + next));
            }
        });
    }

    // How many of the longest pieces a document has comes at random too: kAtOnce are written whatever it is,
    // and more where there are more.
    void place_longest(ChunkPlan& chunk, std::int64_t first, std::span<const Length> lengths,
                       PlanArrays& plan) const {
        constexpr std::size_t kStrip = 16;
        constexpr Length kAtOnce = 4;
        const auto b = static_cast<std::size_t>(cutter_.highest());
        const Length piece = cutter_.piece(cutter_.highest());
        for (std::size_t begin = 0; begin < lengths.size(); begin += kStrip) {
            const auto strip = lengths.subspan(begin, std::min(kStrip, lengths.size() - begin));
            Length bits = 0;
            for (const Length length : strip) bits |= length;
            if (bits < piece) continue;
            std::int64_t next = chunk.next[b];
            const std::int64_t last_at_once = chunk.end[b] - kAtOnce;
            for (std::size_t i = 0; i < strip.size(); ++i) {
                const Length pieces = strip[i] >> cutter_.highest();
                std::int64_t* const documents = plan.span_document.data() + next;
                Length* const starts = plan.span_start.data() + next;
                const auto write = [&](Length count) {
                    for (Length k = 0; k < count; ++k) {
                        documents[k] = first + static_cast<std::int64_t>(begin + i);
                        starts[k] = k * piece;
                    }
                };
                next <= last_at_once&& pieces <= kAtOnce ? write(kAtOnce) : write(pieces);
                next += pieces;
            }
            chunk.next[b] = next;
        }
    }

    // The remainders of a chunk, packed behind the `pieces` spans of the buckets.
    void place_rests(const ChunkPlan& chunk, std::span<const std::uint32_t> counts,
                     std::vector<std::int64_t> ranks, const RunPlaces& places, std::int64_t pieces,
                     PlanArrays& plan) const {
        const Length rest_mask = cutter_.piece(cutter_.lowest()) - 1;
        const auto visit = [&](Chunk documents, auto&& add) {
            PlanCounts counted_before;
            const auto add_rest = [&](std::int64_t document, Length end, Length rest) {
                if (packs(rest)) add(document, end, rest);
            };
            if (cutter_.cuts_by_digits()) {
                for_each_piece(lengths_, documents, whole_, counted_before,
                               [&](std::int64_t document, Length, Length length) {
                                   add_rest(document, length & ~rest_mask, length & rest_mask);
                               });
            } else {
                for_each_piece(lengths_, documents, whole_, counted_before,
                               [&](std::int64_t document, Length, Length length) {
                                   const Length end = cutter_.cut(document, length, [](int, Length) {});
                                   add_rest(document, end, length - end);
                               });
            }
        };
        place_pieces(chunk.documents, options_.align, counts, std::move(ranks), places, visit,
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
                chunk.end[b] = total;
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
