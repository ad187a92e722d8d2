// The streaming packer: a bounded buffer of documents; sequences are filled in the order of arrival and
// finished with documents from the buffer that fill the rest exactly.
//
// Best fit packs by length: long documents go with long ones and short with short, so that a model sees
// sequences of one kind of length each. Filling in order of arrival keeps the mixture of the corpus in every
// sequence, and loses nothing, because among a thousand buffered documents there is nearly always one, or a
// pair, that fills the rest to the token.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "pack/best_fit/best_fit.hpp"
#include "pack/plan/plan_arrays.hpp"
#include "pack/stream/pair_set.hpp"

namespace pypack {

// The buffer is full when it holds at least `documents` pieces and at least `tokens` tokens: both, since few
// long documents offer as little choice as many short ones that make up one sequence.
struct BufferSize {
    std::int64_t documents;
    std::int64_t tokens;
};

class StreamPacker {
  public:
    StreamPacker(const PackOptions& options, BufferSize size);

    // Takes the next document: cuts it into pieces by the overflow policy, and calls emit(span<const Piece>)
    // for each sequence that is finished.
    template <typename Emit>
    void add(std::int64_t document, Length length, PlanCounts& counts, Emit&& emit) {
        cut_into_pieces(document, length, options_, counts, [&](Length start, Length size) {
            const Piece piece{document, start, size};
            if (size > options_.sequence_length - options_.align) {  // a sequence of its own: no need to wait
                emit(std::span(&piece, 1));
                return;
            }
            push(piece);
            while (num_buffered_ >= size_.documents && buffered_units_ * options_.align >= size_.tokens) {
                take_sequence();
                emit(std::span<const Piece>(sequence_));
            }
        });
    }

    // Empties the buffer. Since no document can come any more to fill a rest, by best fit.
    template <typename Emit>
    void flush(Emit&& emit) {
        const PieceRows rest = best_fit_pieces(buffered(), options_);
        *this = StreamPacker(options_, size_);
        for (std::int64_t s = 0; s < rest.num_rows(); ++s) emit(rest.row(s));
    }

    // The buffer in order of arrival: pushing these into an empty packer gives this state again.
    [[nodiscard]] std::vector<Piece> buffered() const;

    // The piece that came last, or nullptr if it is in the buffer no more.
    [[nodiscard]] const Piece* newest() const {
        const bool is_there = oldest_ != newest_ && node(newest_ - 1).units != 0;
        return is_there ? &node(newest_ - 1).piece : nullptr;
    }

    // A piece shorter than a sequence, without making sequences.
    void push(const Piece& piece);

  private:
    struct Node {
        Piece piece;
        std::uint32_t units = 0;  // 0: taken
        std::uint32_t next = 0;   // arrival of the next piece of this length
    };
    struct Queue {
        std::uint32_t first = 0;
        std::uint32_t last = 0;
    };

    Node& node(std::uint32_t arrival) { return ring_[arrival & (ring_.size() - 1)]; }
    [[nodiscard]] const Node& node(std::uint32_t arrival) const {
        return ring_[arrival & (ring_.size() - 1)];
    }
    void take_sequence();
    void take(std::uint32_t units);
    void grow();

    PackOptions options_;
    BufferSize size_;
    std::uint32_t capacity_;     // of a sequence, in units of `align` tokens
    std::vector<Queue> queues_;  // by length in units: arrivals, first come first served
    PairSet lengths_;            // lengths whose queue is not empty
    std::vector<Node> ring_;     // by arrival modulo its size, a power of two
    std::uint32_t oldest_ = 0;   // arrivals count up and wrap; the buffer is within [oldest_, newest_)
    std::uint32_t newest_ = 0;
    std::int64_t num_buffered_ = 0;
    std::int64_t buffered_units_ = 0;
    std::vector<Piece> sequence_;  // the one being made
};

// All documents through the buffer: in their order, or in the order of a permutation keyed by `seed`.
[[nodiscard]] PlanArrays stream(std::span<const Length> lengths, const PackOptions& options, BufferSize size,
                                std::optional<std::uint64_t> seed);

}  // namespace pypack
