#include "pack/best_fit/write_plan.hpp"

#include <algorithm>
#include <vector>

#include "common/parallel.hpp"
#include "common/random.hpp"
#include "common/simd.hpp"
#include "common/streaming_fill.hpp"
#include "pack/best_fit/alike_sequences.hpp"
#include "pack/best_fit/sequence_places.hpp"
#include "pack/best_fit/sorted_documents.hpp"

// Documents in input order go all over a plan, and going to the place of each straight away is a chain of
// cache misses a document. So they are sorted by their units first; the sequences that the same placements
// fill then take their documents from a few lists, front to back, and all spans of a sequence are written at
// once. A span is first one word, its document and its last token, so that a sequence that stands anywhere
// in the plan costs a line or two; the three arrays are made of these words from front to back.

namespace pypack {

namespace {

constexpr std::uint64_t kEqualLengths = 0x657175616cULL;  // purposes of draws
constexpr std::uint64_t kOrderOfSequences = 0x6f72646572ULL;

constexpr std::int64_t kTask = std::int64_t{1} << 18;  // spans or sequences that a thread takes at once

// Calls work(begin, end) for parts of [0, size).
template <typename Work>
void for_parts(std::int64_t size, int num_threads, Work&& work) {
    parallel_for((size + kTask - 1) / kTask, num_threads,
                 [&](std::int64_t task) { work(task * kTask, std::min(size, (task + 1) * kTask)); });
}

// Last token of a span in its document, and the document.
std::uint64_t span_word(std::uint32_t document, Length last) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(last)) << 32 | document;
}

// words[i] -> the spans. Pieces begin at multiples of a sequence. lengths and starts may be used memory.
PYPACK_SIMD_CLONES void split_words(std::int64_t* words, Length* starts, Length* lengths, std::int64_t size,
                                    FastDivisor sequences_in, std::uint32_t sequence_length) {
    for (std::int64_t i = 0; i < size; ++i) {
        const auto word = static_cast<std::uint64_t>(words[i]);
        const auto last = static_cast<std::uint32_t>(word >> 32);
        const std::uint32_t start = sequences_in.divide(last) * sequence_length;
        words[i] = static_cast<std::int64_t>(word & 0xffffffff);
        starts[i] = static_cast<Length>(start);
        lengths[i] = static_cast<Length>(last - start + 1);
    }
}

// The same where all spans begin at the start of their documents.
PYPACK_SIMD_CLONES void split_plain_words(std::int64_t* words, Length* starts, Length* lengths,
                                          std::int64_t size) {
    for (std::int64_t i = 0; i < size; ++i) {
        const auto word = static_cast<std::uint64_t>(words[i]);
        words[i] = static_cast<std::int64_t>(word & 0xffffffff);
        starts[i] = 0;
        lengths[i] = static_cast<Length>(word >> 32) + 1;
    }
}

class PlanWriter {
  public:
    PlanWriter(std::span<const Length> lengths, const PackOptions& options, const PieceCounts& piece_counts,
               const Placements& placements, std::optional<std::uint64_t> seed, int num_threads)
        : lengths_(lengths),
          options_(options),
          piece_counts_(piece_counts),
          placements_(placements),
          seed_(seed),
          num_threads_(num_threads),
          all_plain_(std::all_of(piece_counts.is_plain.begin(), piece_counts.is_plain.end(),
                                 [](std::uint8_t is_plain) { return is_plain != 0; })),
          order_(
              seed
                  ? GoldenStride(placements.num_sequences, random_bits(*seed, kOrderOfSequences, 0)).inverse()
                  : GoldenStride::none(placements.num_sequences)) {}

    [[nodiscard]] PlanArrays write() {
        plan_.counts = piece_counts_.plan_counts;
        plan_.resize_spans(placements_.num_items);
        plan_.sequence_capacity.resize(placements_.num_sequences);
        plan_.sequence_offsets = Buffer<std::int64_t>(placements_.num_sequences + 1);
        SortedDocuments sorted(piece_counts_.totals, lengths_.size(), options_.sequence_length,
                               reinterpret_cast<std::uint32_t*>(plan_.span_length.data()),
                               reinterpret_cast<std::uint32_t*>(plan_.span_start.data()));
        sort(sorted);
        const AlikeSequences alike = alike_sequences_of(placements_);
        make_offsets(alike);
        if (all_plain_ && options_.align == 1) {
            write_words<Ends::units>(sorted, alike);
        } else if (options_.align == 1 && sorted.cuts().any()) {
            write_words<Ends::numbers>(sorted, alike);
        } else {
            write_words<Ends::lengths>(sorted, alike);
        }
        split_all_words();
        streaming_fill(plan_.sequence_capacity.data(), placements_.num_sequences, options_.sequence_length);
        return std::move(plan_);
    }

  private:
    // What tells where a piece of less than a sequence ends.
    enum class Ends : std::uint8_t { units, numbers, lengths };

    [[nodiscard]] std::uint64_t* words() {
        return reinterpret_cast<std::uint64_t*>(plan_.span_document.data());
    }

    void sort(SortedDocuments& sorted) const {
        auto ranks = first_ranks(piece_counts_);
        parallel_for(
            static_cast<std::int64_t>(piece_counts_.num_chunks()), num_threads_, [&](std::int64_t c) {
                const auto index = static_cast<std::size_t>(c);
                const Chunk chunk = chunk_of(lengths_.size(), index, piece_counts_.num_chunks());
                const bool is_plain = piece_counts_.is_plain[index] != 0;
                for (Chunk part{chunk.begin, chunk.begin}; part.begin < chunk.end; part.begin = part.end) {
                    check_interrupt();
                    part.end = std::min(chunk.end, part.begin + static_cast<std::size_t>(kTask));
                    if (all_plain_) {
                        sorted.take<true>(lengths_, part, is_plain, options_, ranks[index]);
                    } else {
                        sorted.take<false>(lengths_, part, is_plain, options_, ranks[index]);
                    }
                }
            });
        if (!seed_) return;
        const auto& totals = piece_counts_.totals;
        std::vector<GoldenStride> strides(totals.size());
        for (std::size_t v = 1; v + 1 < totals.size(); ++v) {
            if (totals[v] > 0) strides[v] = GoldenStride(totals[v], random_bits(*seed_, kEqualLengths, v));
        }
        for_parts(placements_.num_items, num_threads_,
                  [&](std::int64_t begin, std::int64_t end) { sorted.spread(strides, begin, end); });
        sorted.is_spread();
    }

    // First how many spans each sequence has, in its place, then their sums.
    void make_offsets(const AlikeSequences& alike) {
        std::int32_t* const spans = plan_.sequence_capacity.data();
        for_parts(placements_.num_sequences, num_threads_, [&](std::int64_t begin, std::int64_t end) {
            std::int64_t place = order_.at(begin);
            alike.each(begin, end, [&](const Stretch& stretch, std::int64_t from, std::int64_t to) {
                for (; from < to; ++from, place = order_.next(place)) {
                    spans[place] = static_cast<std::int32_t>(stretch.spans);
                }
            });
        });
        std::int64_t total = 0;
        for (std::int64_t s = 0; s < placements_.num_sequences; ++s) {
            plan_.sequence_offsets[s] = total;
            total += spans[s];
        }
        plan_.sequence_offsets[placements_.num_sequences] = total;
    }

    template <Ends kEnds>
    void write_words(const SortedDocuments& sorted, const AlikeSequences& alike) {
        write_full(sorted);
        const std::int64_t full = sorted.num_full();
        for_parts(placements_.num_sequences - full, num_threads_, [&](std::int64_t begin, std::int64_t end) {
            SequencePlaces places(order_, plan_.sequence_offsets, words(), full + begin);
            alike.each(full + begin, full + end,
                       [&](const Stretch& stretch, std::int64_t from, std::int64_t to) {
                           write_stretch<kEnds>(sorted, alike, stretch, from, to, places);
                       });
        });
    }

    // The sequences of one piece each, which are the first.
    void write_full(const SortedDocuments& sorted) {
        const std::int64_t size = sorted.num_full();
        const GoldenStride equal =
            seed_ ? GoldenStride(size, random_bits(*seed_, kEqualLengths, sorted.full_units()))
                  : GoldenStride::none(size);
        const std::uint32_t* const documents = sorted.full();
        const Length* const starts = sorted.full_starts();
        std::uint64_t* const out = words();
        const std::int64_t* const offsets = plan_.sequence_offsets.data();
        // The next sequence is this one and a step, or that less `size`.
        const std::int64_t forward = order_.times(equal.step());
        const std::int64_t back = order_.times(equal.step() - size);
        for_parts(size, num_threads_, [&](std::int64_t begin, std::int64_t end) {
            constexpr std::int64_t kBlock = 64;
            std::int64_t places[kBlock];
            std::int64_t sequence = equal.at(begin);
            std::int64_t place = order_.at(sequence);
            for (; begin < end; begin += kBlock) {
                const std::int64_t count = std::min(kBlock, end - begin);
                for (std::int64_t i = 0; i < count; ++i) {
                    places[i] = place;
                    prefetch(offsets + place);
                    const std::int64_t next = equal.next(sequence);
                    place = next > sequence ? order_.moved(place, forward) : order_.moved(place, back);
                    sequence = next;
                }
                for (std::int64_t i = 0; i < count; ++i) {
                    places[i] = offsets[places[i]];
                    prefetch_to_write(out + places[i]);
                }
                for (std::int64_t i = 0; i < count; ++i) {
                    const std::uint32_t document = documents[begin + i];
                    const Length start = all_plain_ ? 0 : starts[begin + i];
                    const Length rest = lengths_[document] - start;
                    out[places[i]] =
                        span_word(document, start + std::min(rest, options_.sequence_length) - 1);
                }
            }
        });
    }

    template <Ends kEnds>
    void write_stretch(const SortedDocuments& sorted, const AlikeSequences& alike, const Stretch& stretch,
                       std::int64_t from, std::int64_t to, SequencePlaces& places) {
        constexpr std::int64_t kBlock = 256;  // sequences: their spans stay in the first cache
        std::uint64_t* span[kBlock];
        for (; from < to; from += kBlock) {
            const std::int64_t size = std::min(kBlock, to - from);
            for (std::int64_t i = 0; i < size; ++i) span[i] = words() + places.next();
            for (std::size_t p = stretch.first_part; p < stretch.end_part; ++p) {
                const StretchPart& part = alike.parts[p];
                const std::int64_t each = part.per_sequence;
                const std::uint32_t* document =
                    sorted.of_units(part.units) + part.first_rank + (from - stretch.first_sequence) * each;
                const auto word = [cuts = sorted.cuts(), lengths = lengths_,
                                   length = static_cast<Length>(part.units)](std::uint32_t number) {
                    if constexpr (kEnds == Ends::units) return span_word(number, length - 1);
                    const std::uint32_t of = cuts.document(number);
                    if constexpr (kEnds == Ends::numbers) {
                        return span_word(of, cuts.last(number, length, lengths));
                    }
                    return span_word(of, lengths[of] - 1);
                };
                if (each == 1) {
                    for (std::int64_t i = 0; i < size; ++i) *span[i]++ = word(document[i]);
                } else {
                    for (std::int64_t i = 0; i < size; ++i) {
                        for (std::int64_t k = 0; k < each; ++k) *span[i]++ = word(*document++);
                    }
                }
            }
        }
    }

    void split_all_words() {
        const FastDivisor sequences_in(options_.sequence_length);
        for_parts(placements_.num_items, num_threads_, [&](std::int64_t begin, std::int64_t end) {
            std::int64_t* const spans = plan_.span_document.data() + begin;
            Length* const starts = plan_.span_start.data() + begin;
            Length* const lengths = plan_.span_length.data() + begin;
            if (all_plain_) {
                split_plain_words(spans, starts, lengths, end - begin);
            } else {
                split_words(spans, starts, lengths, end - begin, sequences_in,
                            static_cast<std::uint32_t>(options_.sequence_length));
            }
        });
    }

    std::span<const Length> lengths_;
    const PackOptions& options_;
    const PieceCounts& piece_counts_;
    const Placements& placements_;
    std::optional<std::uint64_t> seed_;
    int num_threads_;
    bool all_plain_;
    GoldenStride order_;  // sequence -> its place
    PlanArrays plan_;
};

}  // namespace

PlanArrays write_plan(std::span<const Length> lengths, const PackOptions& options,
                      const PieceCounts& piece_counts, const Placements& placements,
                      std::optional<std::uint64_t> seed, int num_threads) {
    if (placements.num_items == 0) {
        PlanArrays plan;
        plan.counts = piece_counts.plan_counts;
        plan.sequence_offsets = sequence_starts(placements);
        return plan;
    }
    return PlanWriter(lengths, options, piece_counts, placements, seed, num_threads).write();
}

}  // namespace pypack
