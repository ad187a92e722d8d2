// What every strategy makes: sequences of spans, in the layout of pypack.Plan.
#pragma once

#include "common/buffer.hpp"
#include "pack/plan/options.hpp"

namespace pypack {

// A span that has no sequence yet.
struct Piece {
    std::int64_t document;
    Length start;
    Length length;
};

struct PlanArrays {
    Buffer<std::int64_t> sequence_offsets;  // [S + 1]: sequence s holds spans sequence_offsets[s] .. [s + 1]
    Buffer<std::int64_t> span_document;     // [N]
    Buffer<Length> span_start;              // [N], in the document
    Buffer<Length> span_length;             // [N], at least 1
    Buffer<Length> sequence_capacity;       // [S], tokens the row has room for
    PlanCounts counts;

    PlanArrays() { sequence_offsets.push_back(0); }

    void add_span(std::int64_t document, Length start, Length length) {
        span_document.push_back(document);
        span_start.push_back(start);
        span_length.push_back(length);
    }

    void add_sequence(std::span<const Piece> pieces, Length capacity) {
        for (const Piece& piece : pieces) add_span(piece.document, piece.start, piece.length);
        end_sequence(capacity);
    }

    // The spans added since the last call make one sequence.
    void end_sequence(Length capacity) {
        sequence_offsets.push_back(span_document.size());
        sequence_capacity.push_back(capacity);
    }

    [[nodiscard]] bool sequence_is_open() const {
        return sequence_offsets[sequence_offsets.size() - 1] != span_document.size();
    }

    // The other way: room for `spans` spans at once, then each to its place.
    void resize_spans(std::int64_t spans) {
        span_document.resize(spans);
        span_start.resize(spans);
        span_length.resize(spans);
    }

    void set_span(std::int64_t i, const Piece& piece) {
        span_document[i] = piece.document;
        span_start[i] = piece.start;
        span_length[i] = piece.length;
    }

    void reserve_spans(std::int64_t spans) {
        span_document.reserve(spans);
        span_start.reserve(spans);
        span_length.reserve(spans);
    }
};

}  // namespace pypack
