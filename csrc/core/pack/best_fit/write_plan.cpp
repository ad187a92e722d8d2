#include "pack/best_fit/write_plan.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/instructions.hpp"
#include "common/parallel.hpp"
#include "common/random.hpp"
#include "common/streaming_fill.hpp"
#include "pack/best_fit/alike_sequences.hpp"
#include "pack/best_fit/column_writer.hpp"
#include "pack/best_fit/sorted_documents.hpp"
#include "pack/best_fit/span_rows.hpp"
#include "pack/best_fit/span_words.hpp"
#include "pack/best_fit/stride_windows.hpp"
#include "pack/best_fit/window_parts.hpp"

// Documents in input order go all over a plan, and going to the place of each straight away is a chain of
// cache misses a document. So they are sorted by their units first; the sequences that the same placements
// fill then take their documents from a few lists, front to back. Where these sequences are spread over the
// plan, they are written in windows of it, each front to back as well, so that a line of memory is fetched
// and left once. A span is first one word, its document and its last token; the three arrays are made of
// these words from front to back.

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
        plan_.reserve_spans(placements_.num_items + FullWords::kMore);
        plan_.resize_spans(placements_.num_items);
        plan_.sequence_capacity.resize(placements_.num_sequences);
        plan_.sequence_offsets = Buffer<std::int64_t>(placements_.num_sequences + 1);
        SortedDocuments sorted(piece_counts_.totals, lengths_.size(), options_.sequence_length,
                               reinterpret_cast<std::uint32_t*>(plan_.span_length.data()),
                               reinterpret_cast<std::uint32_t*>(plan_.span_start.data()), words());
        sort(sorted);
        const AlikeSequences alike = alike_sequences_of(placements_);
        plan_.sequence_offsets[placements_.num_sequences] = placements_.num_items;
        const SpanRows rows(sorted, lengths_, options_, all_plain_);
        if (seed_) {
            write_in_windows(sorted, alike, rows);
        } else {
            write_in_order(sorted, alike, rows);
        }
        split_all_words();
        streaming_fill(plan_.sequence_capacity.data(), placements_.num_sequences, options_.sequence_length);
        return std::move(plan_);
    }

  private:
    [[nodiscard]] std::uint64_t* words() {
        return reinterpret_cast<std::uint64_t*>(plan_.span_document.data());
    }

    void sort(SortedDocuments& sorted) {
        auto places = first_ranks(piece_counts_);
        for (auto& first : places) sorted.to_places(first);
        std::vector<std::int64_t> end_full(places.size(), placements_.num_items);
        for (std::size_t c = 1; c < places.size(); ++c) end_full[c - 1] = places[c].back();
        parallel_for(
            static_cast<std::int64_t>(piece_counts_.num_chunks()), num_threads_, [&](std::int64_t c) {
                const auto index = static_cast<std::size_t>(c);
                const Chunk chunk = chunk_of(lengths_.size(), index, piece_counts_.num_chunks());
                const bool is_plain = piece_counts_.is_plain[index] != 0;
                for (Chunk part{chunk.begin, chunk.begin}; part.begin < chunk.end; part.begin = part.end) {
                    check_interrupt();
                    part.end = std::min(chunk.end, part.begin + static_cast<std::size_t>(kTask));
                    if (all_plain_) {
                        sorted.take<true>(lengths_, part, is_plain, options_, places[index], end_full[index]);
                    } else {
                        sorted.take<false>(lengths_, part, is_plain, options_, places[index],
                                           end_full[index]);
                    }
                }
            });
        if (!seed_) return;
        const GoldenStride stride = order_of_equals(sorted.full_units(), sorted.num_full());
        if (all_plain_) {
            sorted.spread_full<true>(stride, num_threads_);
        } else {
            sorted.spread_full<false>(stride, num_threads_);
        }
        const auto& totals = piece_counts_.totals;
        std::vector<GoldenStride> strides(totals.size());
        for (std::size_t v = 1; v + 1 < totals.size(); ++v) {
            if (totals[v] > 0) strides[v] = order_of_equals(v, totals[v]);
        }
        for_parts(placements_.num_items, num_threads_,
                  [&](std::int64_t begin, std::int64_t end) { sorted.spread(strides, begin, end); });
        sorted.is_spread();
    }

    // Where the documents of `units` stand among one another.
    [[nodiscard]] GoldenStride order_of_equals(std::size_t units, std::int64_t size) const {
        return GoldenStride(size, random_bits(*seed_, kEqualLengths, units));
    }

    void write_in_order(const SortedDocuments& sorted, const AlikeSequences& alike, const SpanRows& rows) {
        for_parts(placements_.num_sequences, num_threads_, [&](std::int64_t begin, std::int64_t end) {
            constexpr std::int64_t kBlock = 128;  // sequences: their spans stay in the first cache
            std::uint64_t* spans[kBlock];
            ColumnWriter writer(spans, instructions_);
            alike.each(begin, end, [&](const Stretch& stretch, std::int64_t from, std::int64_t to) {
                for (; from < to; from += kBlock) {
                    const std::int64_t size = std::min(kBlock, to - from);
                    std::int64_t first = stretch.first_span + (from - stretch.first_sequence) * stretch.spans;
                    for (std::int64_t i = 0; i < size; ++i, first += stretch.spans) {
                        plan_.sequence_offsets[from + i] = first;
                        spans[i] = words() + first;
                    }
                    // Those that fill their sequences were put where they belong.
                    if (!all_plain_ && is_full(sorted, alike, stretch)) continue;
                    writer.aim(0, size);
                    write_spans(rows, alike, stretch, from, size, writer);
                    writer.flush();
                }
            });
        });
    }

    void write_in_windows(const SortedDocuments& sorted, const AlikeSequences& alike, const SpanRows& rows) {
        const StrideWindows windows(order_, placements_.num_sequences);
        const std::vector<std::int64_t> first_spans = first_spans_of(windows, alike);
        parts_ =
            parts_of_windows(windows, first_spans, placements_.num_sequences, placements_.num_items, kTask);
        parallel_for(windows.num_batches(), num_threads_, [&](std::int64_t number) {
            const StrideWindows::Batch batch = windows.batch(number);
            std::uint64_t* spans[StrideWindows::kBatch];
            for (std::int64_t i = 0; i < batch.count; ++i) {
                spans[i] = words() + first_spans[static_cast<std::size_t>(batch.first + i)];
            }
            ColumnWriter writer(spans, instructions_);
            windows.each(
                batch, [&](std::int64_t sequence) { prefetch_documents(sorted, alike, sequence); },
                [&](std::int64_t begin, std::int64_t end, std::int64_t window) {
                    alike.each(begin, end, [&](const Stretch& stretch, std::int64_t from, std::int64_t to) {
                        const std::int64_t at = window + from - begin;
                        if (!all_plain_ && is_full(sorted, alike, stretch)) {
                            write_full_sequences(sorted.full_words(), from, to, at, writer);
                        } else {
                            writer.aim(at, to - from);
                            write_spans(rows, alike, stretch, from, to - from, writer);
                        }
                    });
                });
            writer.flush();
        });
    }

    static constexpr std::int64_t kLine = 8;  // words

    // The first span of each window, by their number.
    [[nodiscard]] std::vector<std::int64_t> first_spans_of(const StrideWindows& windows,
                                                           const AlikeSequences& alike) const {
        std::vector<std::int64_t> spans(static_cast<std::size_t>(windows.num()), 0);
        parallel_for(windows.num_batches(), num_threads_, [&](std::int64_t number) {
            const StrideWindows::Batch batch = windows.batch(number);
            std::int64_t* const own = spans.data() + batch.first;
            windows.each(
                batch, [](std::int64_t) {},
                [&](std::int64_t begin, std::int64_t end, std::int64_t window) {
                    alike.each(begin, end, [&](const Stretch& stretch, std::int64_t from, std::int64_t to) {
                        for (; from < to; ++from) own[window + from - begin] += stretch.spans;
                    });
                });
        });
        std::int64_t total = 0;
        std::int64_t window = 0;
        for (std::int64_t i = 0; i < windows.num(); ++i, window = windows.next(window)) {
            total += std::exchange(spans[static_cast<std::size_t>(window)], total);
        }
        return spans;
    }

    // Those of `sequence` and some behind it.
    void prefetch_documents(const SortedDocuments& sorted, const AlikeSequences& alike,
                            std::int64_t sequence) const {
        const Stretch& stretch = alike.stretch_of(sequence);
        if (!all_plain_ && is_full(sorted, alike, stretch)) {
            const FullWords& full = sorted.full_words();
            const std::int64_t end = std::min(sequence + StrideWindows::kBatch, sorted.num_full());
            for (std::int64_t i = sequence; i < end; i += kLine) prefetch(full.place(i));
            return;
        }
        for (std::size_t p = stretch.first_part; p < stretch.end_part; ++p) {
            const StretchPart& part = alike.parts[p];
            const std::uint32_t* const document = sorted.of_units(part.units) + part.first_rank +
                                                  (sequence - stretch.first_sequence) * part.per_sequence;
            for (std::int64_t k = 0; k < StrideWindows::kBatch; k += 2 * kLine) prefetch(document + k);
        }
    }

    // Whether each sequence of a stretch is one piece that fills it: sequence i holds that of rank i.
    static bool is_full(const SortedDocuments& sorted, const AlikeSequences& alike, const Stretch& stretch) {
        return alike.parts[stretch.first_part].units == sorted.full_units();
    }

    // Such sequences [from, to), to columns from `at` on.
    static void write_full_sequences(const FullWords& full, std::int64_t from, std::int64_t to,
                                     std::int64_t at, ColumnWriter& writer) {
        while (from < to) {
            const std::int64_t run = full.run(from, to - from);
            writer.aim(at, run);
            writer.add(full.place(from));
            from += run;
            at += run;
        }
    }

    // The spans of `size` sequences of a stretch from `from` on, a row for each slot.
    static void write_spans(const SpanRows& rows, const AlikeSequences& alike, const Stretch& stretch,
                            std::int64_t from, std::int64_t size, ColumnWriter& writer) {
        std::uint64_t mark = kBeginsSequence;
        for (std::size_t p = stretch.first_part; p < stretch.end_part; ++p) {
            const StretchPart& part = alike.parts[p];
            for (std::int64_t k = 0; k < part.per_sequence; ++k) {
                rows.write(part, from - stretch.first_sequence, k, size, mark, writer.room());
                writer.add(writer.room());
                mark = 0;
            }
        }
    }

    // Of a plan in windows it finds where the sequences begin as well.
    void split_all_words() {
        if (!seed_) {
            for_parts(placements_.num_items, num_threads_,
                      [&](std::int64_t begin, std::int64_t end) { split(begin, end); });
            return;
        }
        parallel_for(std::ssize(parts_), num_threads_, [&](std::int64_t number) {
            constexpr std::int64_t kBlock = 4096;  // words: they stay in the first cache
            const PlanPart& part = parts_[static_cast<std::size_t>(number)];
            std::int64_t sequence = part.first_sequence;
            for (std::int64_t begin = part.first_span; begin < part.end_span; begin += kBlock) {
                const std::int64_t end = std::min(part.end_span, begin + kBlock);
                sequence += list_beginnings(plan_.span_document.data() + begin, end - begin, begin,
                                            plan_.sequence_offsets.data() + sequence,
                                            part.end_sequence - sequence, instructions_);
                split(begin, end);
            }
        });
    }

    void split(std::int64_t begin, std::int64_t end) {
        std::int64_t* const spans = plan_.span_document.data() + begin;
        Length* const starts = plan_.span_start.data() + begin;
        Length* const lengths = plan_.span_length.data() + begin;
        if (all_plain_) {
            split_plain_words(spans, starts, lengths, end - begin);
        } else {
            split_words(spans, starts, lengths, end - begin, options_.sequence_length);
        }
    }

    std::span<const Length> lengths_;
    const PackOptions& options_;
    const PieceCounts& piece_counts_;
    const Placements& placements_;
    std::optional<std::uint64_t> seed_;
    int num_threads_;
    Instructions instructions_ = resolve(Instructions::kBest);
    bool all_plain_;
    GoldenStride order_;  // sequence -> its place
    std::vector<PlanPart> parts_;
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
