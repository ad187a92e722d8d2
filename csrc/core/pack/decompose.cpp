#include "pack/decompose.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <exception>
#include <numeric>
#include <string>
#include <vector>

#include "common/parallel.hpp"
#include "common/random.hpp"
#include "pack/best_fit.hpp"
#include "pack/census.hpp"

namespace pypack {

void DecomposeOptions::validate(const PackOptions& options) const {
    const auto refuse = [](const std::string& what) { throw std::invalid_argument(what); };
    const auto check_power = [&](const char* name, Length value) {
        if (value < 1 || !std::has_single_bit(static_cast<std::uint32_t>(value))) {
            refuse(std::string(name) + " must be a power of two, got " + std::to_string(value));
        }
    };
    check_power("max_length", max_length);
    check_power("min_length", min_length);
    if (max_length > options.sequence_length) {
        refuse("max_length must be at most sequence_length (" + std::to_string(options.sequence_length) +
               "), got " + std::to_string(max_length));
    }
    if (min_length > max_length) {
        refuse("min_length must be at most max_length (" + std::to_string(max_length) + "), got " +
               std::to_string(min_length));
    }
    if (options.drop_shorter_than > max_length) {
        refuse("drop_shorter_than must be at most max_length (" + std::to_string(max_length) + "), got " +
               std::to_string(options.drop_shorter_than));
    }
    const Length shortest = remainder == Remainder::keep ? 1 : min_length;
    if (options.align > 1 && (piece_length == PieceLength::shifted || shortest % options.align != 0)) {
        refuse("align must divide the length of every piece, got " + std::to_string(options.align) +
               ": use mode 'exact', min_length a multiple of align, and remainder 'pack' or 'drop'");
    }
}

namespace {

constexpr int kMaxBuckets = 27;  // 2^0 .. 2^26, PackOptions::kMaxSequenceLength
constexpr std::uint64_t kRandomBucket = 0x6465636f6d70ULL;

int log2_floor(Length value) {
    return std::bit_width(static_cast<std::uint32_t>(value)) - 1;
}

// The cuts of one document.
class Cutter {
  public:
    Cutter(const DecomposeOptions& options)
        : extra_(options.piece_length == PieceLength::shifted ? 1 : 0),
          lowest_(options.remainder == Remainder::keep ? 0 : log2_floor(options.min_length)),
          shortest_random_(log2_floor(options.min_length)),
          highest_(log2_floor(options.max_length)),
          is_random_(options.long_documents == LongDocuments::random),
          seed_(options.seed) {}

    [[nodiscard]] int lowest() const { return lowest_; }
    [[nodiscard]] int highest() const { return highest_; }
    [[nodiscard]] Length piece(int bucket) const { return (Length{1} << bucket) + extra_; }

    // Calls place(bucket, start) for each piece of a document of `length` tokens; returns where its rest
    // begins.
    template <typename Place>
    Length cut(std::int64_t document, Length length, Place&& place) const {
        Length start = 0;
        for (std::uint64_t draw = 0; length - start > extra_; ++draw) {
            int bucket = log2_floor(length - start - extra_);
            if (bucket < lowest_) break;
            if (bucket > highest_) bucket = is_random_ ? random_bucket(document, draw) : highest_;
            place(bucket, start);
            start += piece(bucket);
        }
        return start;
    }

  private:
    // k in [min, max] with probability 2^(max - k) / (2^(max - min + 1) - 1): the position of the highest set
    // bit of a uniform number from 1 to 2^(max - min + 1) - 1 is `max - k`.
    [[nodiscard]] int random_bucket(std::int64_t document, std::uint64_t draw) const {
        const int buckets = highest_ - shortest_random_ + 1;
        const std::uint64_t mask = (std::uint64_t{1} << buckets) - 1;
        std::uint64_t bits = random_bits(seed_, kRandomBucket, static_cast<std::uint64_t>(document));
        bits = combine_keys(bits, draw);
        while ((bits & mask) == 0) bits = mix64(bits + 1);
        return highest_ - static_cast<int>(std::bit_width(bits & mask)) + 1;
    }

    Length extra_;
    int lowest_;
    int shortest_random_;
    int highest_;
    bool is_random_;
    std::uint64_t seed_;
};

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
        for_each_chunk([this](ChunkPlan& chunk) { count(chunk); });
        PlanArrays plan;
        std::vector<Piece> rest;
        for (const ChunkPlan& chunk : chunks_) {
            plan.counts.add(chunk.counts);
            rest.insert(rest.end(), chunk.rest.begin(), chunk.rest.end());
        }
        const PieceRows packed = best_fit_pieces(rest, options_);
        const std::int64_t whole_pieces = lay_out();
        const std::int64_t sequences = whole_pieces + packed.num_rows();
        plan.resize_spans(whole_pieces + static_cast<std::int64_t>(rest.size()));
        plan.sequence_offsets.resize(sequences + 1);
        plan.sequence_capacity.resize(sequences);
        for_each_chunk([&](ChunkPlan& chunk) { place(chunk, plan); });
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
