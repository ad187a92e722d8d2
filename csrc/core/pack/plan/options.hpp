// What every strategy is told, and how a document becomes the pieces that are packed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>

#include "common/types.hpp"

namespace pypack {

// What happens to a document longer than a sequence.
enum class Overflow : std::uint8_t {
    split,     // cut into full sequences and one remainder
    truncate,  // the first sequence_length tokens stay, the others are counted as truncated
    drop,      // the whole document is left out and counted as dropped
    error,     // the job is refused, naming the document
};

struct PackOptions {
    Length sequence_length = 0;
    Overflow overflow = Overflow::split;
    Length max_documents = std::numeric_limits<Length>::max();  // spans in one sequence
    Length align = 1;              // a span takes up a multiple of this many tokens of its sequence
    Length drop_shorter_than = 0;  // pieces with fewer tokens are left out and counted

    void validate() const {
        const auto refuse = [](const char* name, Length value, const std::string& need) {
            throw std::invalid_argument(std::string(name) + " must be " + need + ", got " +
                                        std::to_string(value));
        };
        if (sequence_length < 1 || sequence_length > kMaxSequenceLength) {
            refuse("sequence_length", sequence_length, "from 1 to " + std::to_string(kMaxSequenceLength));
        }
        if (max_documents < 1) refuse("max_documents", max_documents, "at least 1");
        if (align < 1) refuse("align", align, "at least 1");
        if (sequence_length % align != 0) {
            refuse("align", align, "a divisor of sequence_length (" + std::to_string(sequence_length) + ")");
        }
        if (drop_shorter_than < 0 || drop_shorter_than > sequence_length) {
            refuse("drop_shorter_than", drop_shorter_than,
                   "from 0 to sequence_length (" + std::to_string(sequence_length) + ")");
        }
    }

    // The packers keep a table with one entry a length.
    static constexpr Length kMaxSequenceLength = Length{1} << 26;
};

// Where the tokens of the documents went. Each strategy fills it; verify_plan() derives it again from the
// spans.
struct PlanCounts {
    std::int64_t documents = 0;
    std::int64_t tokens = 0;               // of all documents
    std::int64_t empty_documents = 0;      // no tokens, so no span
    std::int64_t dropped_documents = 0;    // some tokens, but no span
    std::int64_t dropped_tokens = 0;       // the tokens of those
    std::int64_t truncated_documents = 0;  // some tokens in spans and some not
    std::int64_t truncated_tokens = 0;     // the tokens of those that are in no span
    std::int64_t split_documents = 0;      // in two spans or more

    void add(const PlanCounts& other) {
        documents += other.documents;
        tokens += other.tokens;
        empty_documents += other.empty_documents;
        dropped_documents += other.dropped_documents;
        dropped_tokens += other.dropped_tokens;
        truncated_documents += other.truncated_documents;
        truncated_tokens += other.truncated_tokens;
        split_documents += other.split_documents;
    }

    bool operator==(const PlanCounts&) const = default;
};

// Tokens of a sequence that a span of `length` takes up.
[[nodiscard]] inline Length aligned(Length length, Length align) {
    return align == 1 ? length : (length + align - 1) / align * align;
}

// The same in units of `align` tokens.
[[nodiscard]] inline std::size_t units_of(Length length, Length align) {
    return static_cast<std::size_t>(align == 1 ? length : (length + align - 1) / align);
}

// Calls work(units) with units_of() for this align alone, so that a loop over documents need not ask for it.
template <typename Work>
inline void with_units(Length align, Work&& work) {
    if (align == 1) {
        work([](Length length) { return static_cast<std::size_t>(length); });
    } else {
        work([align](Length length) { return units_of(length, align); });
    }
}

[[noreturn]] inline void refuse_negative(std::int64_t document, Length length) {
    throw std::invalid_argument("lengths[" + std::to_string(document) + "] is " + std::to_string(length) +
                                ": a length cannot be negative");
}

[[noreturn]] inline void refuse_long(std::int64_t document, Length length, Length limit) {
    throw std::invalid_argument("document " + std::to_string(document) + " has " + std::to_string(length) +
                                " tokens, more than a sequence holds (" + std::to_string(limit) +
                                "), and overflow is 'error': use 'split', 'truncate' or 'drop'");
}

// The definition of the overflow policies: calls place(start, length) for each piece of one document, in
// order, and counts the document. Pieces hold 1 to sequence_length tokens.
template <typename Place>
inline void cut_into_pieces(std::int64_t document, Length length, const PackOptions& options,
                            PlanCounts& counts, Place&& place) {
    if (length < 0) refuse_negative(document, length);
    const Length limit = options.sequence_length;
    if (length > limit && options.overflow == Overflow::error) refuse_long(document, length, limit);
    ++counts.documents;
    counts.tokens += length;
    if (length <= limit && length >= options.drop_shorter_than && length > 0) [[likely]] {
        place(Length{0}, length);
        return;
    }
    if (length == 0) {
        ++counts.empty_documents;
        return;
    }
    if (length <= limit || options.overflow == Overflow::drop) {
        ++counts.dropped_documents;
        counts.dropped_tokens += length;
        return;
    }
    Length start = 0;
    if (options.overflow == Overflow::split) {
        for (; length - start > limit; start += limit) place(start, limit);
    }
    const Length last = options.overflow == Overflow::split ? length - start : limit;
    if (last >= options.drop_shorter_than) {
        place(start, last);
        if (start > 0) ++counts.split_documents;
        start += last;
    } else if (start > limit) {
        ++counts.split_documents;
    }
    if (start < length) {
        ++counts.truncated_documents;
        counts.truncated_tokens += length - start;
    }
}

}  // namespace pypack
