// The documents of bulk packing sorted by their units, as numbers of 32 bits, in memory that the plan has
// anyway: its span_length and span_start hold them until the spans themselves are known, and its
// span_document those that fill their sequences, on the way there.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "common/prefetch.hpp"
#include "pack/best_fit/numbered_cuts.hpp"
#include "pack/best_fit/permute.hpp"
#include "pack/best_fit/piece_counts.hpp"
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

    // Numbers of the pieces, as of NumberedCuts: those of v units, by rank, or as they were spread. Of those
    // that fill their sequences only the documents.
    [[nodiscard]] const std::uint32_t* of_units(std::size_t v) const {
        return (v == full_units() ? full_documents_ : is_spread_ ? other_ : documents_) + begin_[v];
    }
    // Where in their documents the pieces begin that fill their sequences; nothing where all begin at the
    // start.
    [[nodiscard]] const Length* full_starts() const {
        return reinterpret_cast<const Length*>(other_ + begin_[full_units()]);
    }

    // Where take() is to begin, from the ranks of the first piece of each v units in a chunk.
    void to_places(std::vector<std::int64_t>& ranks) const {
        for (std::size_t v = 0; v < ranks.size(); ++v) ranks[v] += begin_[v];
    }

    // Takes the pieces of documents [chunk.begin, chunk.end) in order. next[v]: the place of the first of v
    // units; counted on. Is to be called for every chunk, at once or one after another.
    template <bool kAllPlain>
    void take(std::span<const Length> lengths, Chunk chunk, bool is_plain, const PackOptions& options,
              std::vector<std::int64_t>& next) const {
        if (!kAllPlain && !is_plain && splits_into_wholes(options)) {
            take_split(lengths, chunk, options, next.data());
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
                        if (v == full) return places.put_full(at, document, start);
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
        std::uint32_t* const documents = documents_ + begin;
        std::uint32_t* const other = other_ + begin;
        if constexpr (kAllPlain) {
            permute(stride, num_full(), num_threads,
                    [&](std::int64_t image, std::int64_t rank) { other[image] = documents[rank]; });
            full_documents_ = other_;
        } else {
            permute(stride, num_full(), num_threads, [&](std::int64_t image, std::int64_t rank) {
                documents[image] = static_cast<std::uint32_t>(full_[rank]);
                other[image] = static_cast<std::uint32_t>(full_[rank] >> 32);
            });
        }
    }
    void is_spread() { is_spread_ = true; }

  private:
    // Where pieces are put, by value: no store can alias it.
    struct Places {
        std::uint32_t* documents;
        std::uint64_t* full;
        std::int64_t first_full;
        NumberedCuts cuts;

        void put(std::int64_t at, std::uint32_t number) const {
            constexpr std::int64_t kAhead = 16;  // numbers: the next line
            prefetch_to_write(documents + at + kAhead);
            documents[at] = number;
        }
        void put_full(std::int64_t at, std::int64_t document, Length start) const {
            full[at - first_full] =
                static_cast<std::uint64_t>(start) << 32 | static_cast<std::uint32_t>(document);
        }
    };

    [[nodiscard]] Places places() const { return {documents_, full_, begin_[full_units()], cuts_}; }

    void take_split(std::span<const Length> lengths, Chunk chunk, const PackOptions& options,
                    std::int64_t* next) const {
        PlanCounts counted_before;
        const Length whole = options.sequence_length;
        for_each_split_piece(
            lengths, chunk, options, counted_before,
            [places = places(), next](std::int64_t document, Length before, Length rest) {
                places.put(next[rest]++, places.cuts.number_after(static_cast<std::uint32_t>(document),
                                                                  static_cast<std::uint32_t>(before)));
            },
            [places = places(), next, whole](std::int64_t document, Length wholes) {
                const std::int64_t first = next[whole];
                for (Length k = 0; k < wholes; ++k) places.put_full(first + k, document, k * whole);
                next[whole] = first + wholes;
            },
            [places = places(), next, whole](std::int64_t document, Length start, Length length) {
                const std::int64_t at = next[length]++;
                if (length == whole) return places.put_full(at, document, start);
                places.put(at, places.cuts.number(static_cast<std::uint32_t>(document), start));
            });
    }

    std::vector<std::int64_t> begin_;  // [v]: where those of v units begin
    std::uint32_t* documents_;         // by units, then in input order
    std::uint32_t* other_;             // starts of the full ones; the others when they are spread
    std::uint64_t* full_;              // document and start of the full ones, by rank
    const std::uint32_t* full_documents_ = documents_;
    NumberedCuts cuts_;
    bool is_spread_ = false;
};

}  // namespace pypack
