// The documents of bulk packing sorted by their units, as numbers of 32 bits, in memory that the plan has
// anyway: its span_length and span_start hold them until the spans themselves are known.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "common/prefetch.hpp"
#include "pack/best_fit/numbered_cuts.hpp"
#include "pack/best_fit/piece_counts.hpp"
#include "pack/best_fit/stride.hpp"

namespace pypack {

class SortedDocuments {
  public:
    // totals[v]: pieces of v units; those of the most units fill their sequences.
    SortedDocuments(std::span<const std::int64_t> totals, std::size_t num_documents, Length sequence_length,
                    std::uint32_t* documents, std::uint32_t* other)
        : begin_(totals.size() + 1, 0),
          documents_(documents),
          other_(other),
          cuts_(num_documents, sequence_length) {
        for (std::size_t v = 1; v < totals.size(); ++v) begin_[v + 1] = begin_[v] + totals[v];
    }

    [[nodiscard]] const NumberedCuts& cuts() const { return cuts_; }
    [[nodiscard]] std::size_t full_units() const { return begin_.size() - 2; }
    [[nodiscard]] std::int64_t num_full() const { return begin_[full_units() + 1] - begin_[full_units()]; }

    // Documents of the pieces that fill their sequences, in input order.
    [[nodiscard]] const std::uint32_t* full() const { return documents_ + begin_[full_units()]; }
    // And where in them these pieces begin; nothing where all begin at the start.
    [[nodiscard]] const Length* full_starts() const {
        return reinterpret_cast<const Length*>(other_ + begin_[full_units()]);
    }

    // Numbers of the other pieces, as of NumberedCuts: those of v units, by rank, or as spread() has put
    // them.
    [[nodiscard]] const std::uint32_t* of_units(std::size_t v) const {
        return (is_spread_ ? other_ : documents_) + begin_[v];
    }

    // Takes the pieces of documents [chunk.begin, chunk.end) in order. next[v]: the rank of the first of v
    // units; counted on. Is to be called for every chunk, at once or one after another.
    template <bool kAllPlain>
    void take(std::span<const Length> lengths, Chunk chunk, bool is_plain, const PackOptions& options,
              std::vector<std::int64_t>& next) const {
        with_units(options.align, [&](auto units_in) {
            for_each_counted_piece(
                lengths, chunk, is_plain, options,
                [documents = documents_, starts = reinterpret_cast<Length*>(other_), begin = begin_.data(),
                 next = next.data(), full = full_units(), cuts = cuts_,
                 units_in](std::int64_t document, Length start, Length length) {
                    const std::size_t v = units_in(length);
                    const std::int64_t at = begin[v] + next[v]++;
                    prefetch_to_write(documents + at + kAhead);
                    auto number = static_cast<std::uint32_t>(document);
                    if constexpr (!kAllPlain) {
                        if (v == full) {
                            starts[at] = start;
                        } else if (start > 0) {
                            number = cuts.number(number, start);
                        }
                    }
                    documents[at] = number;
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
            std::uint32_t* const out = other_ + begin_[v];
            const GoldenStride& stride = strides[v];
            std::int64_t image = stride.at(begin - begin_[v]);
            for (; begin < last; ++begin, image = stride.next(image)) out[image] = documents_[begin];
        }
    }
    void is_spread() { is_spread_ = true; }

  private:
    static constexpr std::int64_t kAhead = 16;  // numbers: the next line

    std::vector<std::int64_t> begin_;  // [v]: where those of v units begin
    std::uint32_t* documents_;         // by units, then in input order
    std::uint32_t* other_;             // starts of the full ones; the others when they are spread
    NumberedCuts cuts_;
    bool is_spread_ = false;
};

}  // namespace pypack
