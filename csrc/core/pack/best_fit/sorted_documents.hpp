// The documents of bulk packing sorted by their units, as numbers of 32 bits, in memory that the plan has
// anyway: its span_length and span_start hold them until the spans themselves are known, and its
// span_document those that fill their sequences, on the way there.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "common/prefetch.hpp"
#include "pack/best_fit/full_words.hpp"
#include "pack/best_fit/numbered_cuts.hpp"
#include "pack/best_fit/permute.hpp"
#include "pack/best_fit/permute_words.hpp"
#include "pack/best_fit/piece_counts.hpp"
#include "pack/best_fit/span_words.hpp"
#include "pack/best_fit/split_pieces.hpp"
#include "pack/best_fit/stride.hpp"

namespace pypack {

class SortedDocuments {
  public:
    // totals[v]: pieces of v units; those of the most units fill their sequences.
    SortedDocuments(std::span<const std::int64_t> totals, std::size_t num_documents, Length sequence_length,
                    std::uint32_t* documents, std::uint32_t* other, std::uint64_t* full)
        : begin_(totals.size() + 1, 0),
          documents_(documents),
          other_(other),
          full_(full),
          cuts_(num_documents, sequence_length) {
        for (std::size_t v = 1; v < totals.size(); ++v) begin_[v + 1] = begin_[v] + totals[v];
    }

    [[nodiscard]] const NumberedCuts& cuts() const { return cuts_; }
    [[nodiscard]] std::size_t full_units() const { return begin_.size() - 2; }
    [[nodiscard]] std::int64_t num_full() const { return begin_[full_units() + 1] - begin_[full_units()]; }

    // Numbers of the pieces, as of NumberedCuts: those of v units, by rank, or as they were spread. Those
    // that fill their sequences are here only where all documents are plain.
    [[nodiscard]] const std::uint32_t* of_units(std::size_t v) const {
        return (v == full_units() ? full_documents_ : is_spread_ ? other_ : documents_) + begin_[v];
    }
    // Where not all documents are plain: the spans that fill their sequences, as they were spread.
    [[nodiscard]] const FullWords& full_words() const { return full_words_; }

    // Where take() is to begin, from the ranks of the first piece of each v units in a chunk.
    void to_places(std::vector<std::int64_t>& ranks) const {
        for (std::size_t v = 0; v < ranks.size(); ++v) ranks[v] += begin_[v];
    }

    // Takes the pieces of documents [chunk.begin, chunk.end) in order. next[v]: the place of the first of v
    // units; counted on. end_full: the place behind the last full piece that this thread takes. Is to be
    // called for every chunk, at once or one after another.
    template <bool kAllPlain>
    void take(std::span<const Length> lengths, Chunk chunk, bool is_plain, const PackOptions& options,
              std::vector<std::int64_t>& next, std::int64_t end_full) const {
        if (!kAllPlain && !is_plain && splits_into_wholes(options)) {
            take_split(lengths, chunk, options, next.data(), end_full);
            return;
        }
        with_units(options.align, [&](auto units_in) {
            for_each_counted_piece(
                lengths, chunk, is_plain, options,
                [places = places(), next = next.data(), full = full_units(), units_in](
                    std::int64_t document, Length start, Length length) {
                    const std::size_t v = units_in(length);
                    const std::int64_t at = next[v]++;
                    if constexpr (!kAllPlain) {
                        if (v == full) return places.put_full(at, document, start + length - 1);
                    }
                    const auto number = static_cast<std::uint32_t>(document);
                    places.put(at, kAllPlain || start == 0 ? number : places.cuts.number(number, start));
                });
        });
    }

    // Puts documents [begin, end) of all, as they are sorted, to where strides[v] maps their ranks; those of
    // full sequences stay. Is to be called for parts of [0, size), at once or one after another.
    void spread(std::span<const GoldenStride> strides, std::int64_t begin, std::int64_t end) const {
        end = std::min(end, begin_[full_units()]);
        while (begin < end) {
            const auto after = std::upper_bound(begin_.begin(), begin_.end(), begin);
            const auto v = static_cast<std::size_t>(after - begin_.begin()) - 1;
            const std::int64_t last = std::min(end, *after);
            const std::uint32_t* const in = documents_ + begin_[v];
            std::uint32_t* const out = other_ + begin_[v];
            const GoldenStride stride = strides[v];
            stride.each(begin - begin_[v], last - begin_[v],
                        [in, out](std::int64_t image, std::int64_t rank) { out[image] = in[rank]; });
            begin = last;
        }
    }
    // The same for those of full sequences. Is to be called after take(), once.
    template <bool kAllPlain>
    void spread_full(const GoldenStride& stride, int num_threads) {
        const std::int64_t begin = begin_[full_units()];
        if constexpr (kAllPlain) {
            const std::uint32_t* const documents = documents_ + begin;
            std::uint32_t* const other = other_ + begin;
            permute(
                stride, num_full(), num_threads,
                [=](std::int64_t rank) { prefetch_run(documents + rank, StrideWindows::kBatch); },
                [=](std::int64_t image, std::int64_t rank) {
                    prefetch_to_write(other + image + kLine);
                    other[image] = documents[rank];
                });
            full_documents_ = other_;
        } else {
            full_words_ = FullWords(documents_ + begin, other_ + begin, num_full());
            permute_words(stride, num_full(), num_threads, full_, full_words_);
        }
    }
    void is_spread() { is_spread_ = true; }

  private:
    static constexpr std::int64_t kLine = 16;  // numbers

    // Where pieces are put, by value: no store can alias it.
    struct Places {
        std::uint32_t* documents;
        std::uint64_t* full;
        std::int64_t first_full;
        NumberedCuts cuts;

        void put(std::int64_t at, std::uint32_t number) const {
            prefetch_to_write(documents + at + kLine);
            documents[at] = number;
        }
        void put_full(std::int64_t at, std::int64_t document, Length last) const {
            full[at - first_full] = span_word(static_cast<std::uint32_t>(document), last) | kBeginsSequence;
        }
    };

    [[nodiscard]] Places places() const { return {documents_, full_, begin_[full_units()], cuts_}; }

    void take_split(std::span<const Length> lengths, Chunk chunk, const PackOptions& options,
                    std::int64_t* next, std::int64_t end_full) const {
        PlanCounts counted_before;
        const Length whole = options.sequence_length;
        const auto take = [places = places(), next, whole, end_full](const SplitGroup& group) {
            for (std::size_t i = 0; i < group.size; ++i) {
                if (group.rests[i] == 0) [[unlikely]]
                    continue;
                const auto document =
                    static_cast<std::uint32_t>(group.first_document) + static_cast<std::uint32_t>(i);
                places.put(next[group.rests[i]]++,
                           places.cuts.number_after(document, static_cast<std::uint32_t>(group.wholes[i])));
            }
            const std::int64_t at = next[whole];
            next[whole] += write_wholes(group, whole, places.full + (at - places.first_full), end_full - at);
        };
        for_each_split_group(
            lengths, chunk, options, counted_before, take,
            [places = places(), next, whole](std::int64_t document, Length start, Length length) {
                const std::int64_t at = next[length]++;
                if (length == whole) return places.put_full(at, document, start + length - 1);
                places.put(at, places.cuts.number(static_cast<std::uint32_t>(document), start));
            });
    }

    std::vector<std::int64_t> begin_;  // [v]: where those of v units begin
    std::uint32_t* documents_;         // by units, then in input order
    std::uint32_t* other_;             // the same, spread
    std::uint64_t* full_;              // words of the full ones, by rank
    FullWords full_words_;             // the same, spread
    const std::uint32_t* full_documents_ = documents_;
    NumberedCuts cuts_;
    bool is_spread_ = false;
};

}  // namespace pypack
