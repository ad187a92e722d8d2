// Pieces sorted by their units, in input order among equals, and written as the sequences that placements
// make of them. All of them are in memory at once, 8 bytes each where a unit is a token; SpanPlacer needs no
// more than a block of them, but goes all over the output.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "common/buffer.hpp"
#include "common/prefetch.hpp"
#include "pack/best_fit/alike_sequences.hpp"
#include "pack/plan/plan_arrays.hpp"

namespace pypack {

// A piece whose length is its units, of one of fewer than 2^32 documents.
struct NarrowPiece {
    std::uint64_t start_and_document;  // in one word, which is one store

    NarrowPiece() = default;
    NarrowPiece(std::int64_t document, Length start, Length)
        : start_and_document(static_cast<std::uint64_t>(start) << 32 | static_cast<std::uint64_t>(document)) {
    }
    [[nodiscard]] Piece piece(std::size_t units) const {
        return {static_cast<std::int64_t>(start_and_document & 0xffffffff),
                static_cast<Length>(start_and_document >> 32), static_cast<Length>(units)};
    }
};

// Any other.
struct WidePiece {
    Piece all;

    WidePiece() = default;
    WidePiece(std::int64_t document, Length start, Length length) : all{document, start, length} {}
    [[nodiscard]] Piece piece(std::size_t) const { return all; }
};

template <typename Item>
class SortedPieces {
  public:
    // totals[v]: how many pieces have v units; those with none are ignored.
    SortedPieces(std::span<const std::int64_t> totals, std::size_t num_chunks) : begin_(totals.size()) {
        std::int64_t total = 0;
        for (std::size_t v = 1; v < totals.size(); ++v) {
            begin_[v] = total;
            total += totals[v];
        }
        begin_[0] = total;
        items_ = Buffer<Item>(total + static_cast<std::int64_t>(num_chunks) * kIgnored + kAhead);
    }

    // Takes the pieces of one chunk of documents, in order.
    class Taker {
      public:
        // ranks[v]: how many pieces of v units are in the chunks before.
        Taker(SortedPieces& pieces, std::size_t chunk, std::span<const std::int64_t> ranks)
            : items_(pieces.items_.data()), next_(pieces.begin_) {
            for (std::size_t v = 1; v < next_.size(); ++v) next_[v] += ranks[v];
            next_[0] += static_cast<std::int64_t>(chunk) * kIgnored;
        }

        // Ignores a piece of no units, without a branch.
        void add(std::size_t units, std::int64_t document, Length start, Length length) {
            const std::int64_t at = next_[units];
            next_[units] = at + (units != 0 ? 1 : 0);
            prefetch_to_write(items_ + at + kAhead);
            items_[at] = Item(document, start, length);
        }

        // The rests of consecutive documents: lengths % (mask + 1), those below `least` left out.
        void add_group(std::int64_t first_document, std::span<const Length> lengths, Length mask,
                       Length least, Length align) {
            with_units(align, [&, items = items_, next = next_.data()](auto units_in) {
                for (std::size_t i = 0; i < lengths.size(); ++i) {
                    const Length rest = lengths[i] & mask;
                    const std::size_t units = rest >= least ? units_in(rest) : 0;
                    const std::int64_t at = next[units];
                    next[units] = at + (units != 0 ? 1 : 0);
                    prefetch_to_write(items + at + kAhead);
                    items[at] = Item(first_document + static_cast<std::int64_t>(i), lengths[i] - rest, rest);
                }
            });
        }

      private:
        Item* items_;
        std::vector<std::int64_t> next_;
    };

    // Writes the spans of sequences [begin, end). `first_span`: where those of sequence 0 begin in the plan.
    void write(const AlikeSequences& sequences, std::int64_t begin, std::int64_t end, std::int64_t first_span,
               PlanArrays& plan) const {
        constexpr std::int64_t kTile = 1024;  // sequences: their spans stay in the second cache
        sequences.each(begin, end, [&](const Stretch& stretch, std::int64_t from, std::int64_t to) {
            const StretchPart* const parts = sequences.parts.data() + stretch.first_part;
            const std::size_t num_parts = stretch.end_part - stretch.first_part;
            const std::int64_t within = from - stretch.first_sequence;
            const std::int64_t place = first_span + stretch.first_span + within * stretch.spans;
            if (num_parts == 1) {
                write_same(parts[0], within, to - from, place, plan);
                return;
            }
            if (stretch.spans == 2) {
                write_pairs(parts[0], parts[1], within, to - from, place, plan);
                return;
            }
            for (std::int64_t tile = 0; tile < to - from; tile += kTile) {
                std::int64_t at = place + tile * stretch.spans;
                for (std::size_t p = 0; p < num_parts; ++p) {
                    write_part(parts[p], within + tile, std::min(kTile, to - from - tile), at, stretch.spans,
                               plan);
                    at += parts[p].per_sequence;
                }
            }
        });
    }

  private:
    static constexpr std::int64_t kAhead =
        8;  // pieces: the next line; with 12 too many lines wait in the cache
    static constexpr std::int64_t kIgnored = 8;  // one is enough; a cache line of its own for each chunk

    // Where the part's pieces of the sequence `within` its stretch begin.
    const Item* items_of(const StretchPart& part, std::int64_t within) const {
        return items_.data() + begin_[part.units] + part.first_rank + within * part.per_sequence;
    }

    // Sequences that hold pieces of one length each.
    void write_same(const StretchPart& part, std::int64_t within, std::int64_t sequences, std::int64_t place,
                    PlanArrays& plan) const {
        const Item* const items = items_of(part, within);
        const std::size_t units = part.units;
        std::int64_t* const document = plan.span_document.data() + place;
        Length* const start = plan.span_start.data() + place;
        Length* const length = plan.span_length.data() + place;
        for (std::int64_t i = 0; i < sequences * part.per_sequence; ++i) {
            const Piece piece = items[i].piece(units);
            document[i] = piece.document;
            start[i] = piece.start;
            length[i] = piece.length;
        }
    }

    // Two pieces a sequence: by far the most common, because lengths have a complement.
    void write_pairs(const StretchPart& a, const StretchPart& b, std::int64_t within, std::int64_t sequences,
                     std::int64_t place, PlanArrays& plan) const {
        const Item* const first = items_of(a, within);
        const Item* const second = items_of(b, within);
        const std::size_t first_units = a.units;
        const std::size_t second_units = b.units;
        std::int64_t* document = plan.span_document.data() + place;
        Length* start = plan.span_start.data() + place;
        Length* length = plan.span_length.data() + place;
        for (std::int64_t s = 0; s < sequences; ++s) {
            const Piece x = first[s].piece(first_units);
            const Piece y = second[s].piece(second_units);
            document[2 * s] = x.document;
            document[2 * s + 1] = y.document;
            start[2 * s] = x.start;
            start[2 * s + 1] = y.start;
            length[2 * s] = x.length;
            length[2 * s + 1] = y.length;
        }
    }

    void write_part(const StretchPart& part, std::int64_t within, std::int64_t sequences, std::int64_t place,
                    std::int64_t stride, PlanArrays& plan) const {
        const Item* item = items_of(part, within);
        std::int64_t* document = plan.span_document.data() + place;
        Length* start = plan.span_start.data() + place;
        Length* length = plan.span_length.data() + place;
        const auto put = [&](std::int64_t at) {
            const Piece piece = (item++)->piece(part.units);
            document[at] = piece.document;
            start[at] = piece.start;
            length[at] = piece.length;
        };
        if (part.per_sequence == 1) {
            for (std::int64_t s = 0, at = 0; s < sequences; ++s, at += stride) put(at);
        } else {
            for (std::int64_t s = 0, at = 0; s < sequences; ++s, at += stride) {
                for (std::int64_t i = 0; i < part.per_sequence; ++i) put(at + i);
            }
        }
    }

    std::vector<std::int64_t> begin_;  // [v]: where the pieces of v units begin
    Buffer<Item> items_;
};

}  // namespace pypack
