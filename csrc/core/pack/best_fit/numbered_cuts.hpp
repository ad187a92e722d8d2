// A piece of a document in 32 bits, where its length is known: the document's number, and in the bits that
// the numbers leave, how many sequences of the document come before it.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>

#include "common/types.hpp"

namespace pypack {

// x / divisor for x of 31 bits, by a multiplication: Granlund and Montgomery, "Division by invariant integers
// using multiplication" (1994).
struct FastDivisor {
    std::uint64_t factor;
    int shift;

    explicit FastDivisor(Length divisor)
        : factor(0), shift(31 + static_cast<int>(std::bit_width(static_cast<std::uint32_t>(divisor - 1)))) {
        const auto by = static_cast<std::uint64_t>(divisor);
        factor = ((std::uint64_t{1} << shift) + by - 1) / by;
    }
    [[nodiscard]] std::uint32_t divide(std::uint32_t x) const {
        return static_cast<std::uint32_t>(x * factor >> shift);
    }
};

class NumberedCuts {
  public:
    NumberedCuts(std::size_t num_documents, Length sequence_length)
        : document_bits_(static_cast<int>(std::bit_width(num_documents == 0 ? 0 : num_documents - 1))),
          most_(document_bits_ < 32 ? std::numeric_limits<std::uint32_t>::max() >> document_bits_ : 0),
          sequence_length_(sequence_length),
          sequences_in_(sequence_length) {
        if (document_bits_ > 32) {
            throw std::overflow_error("best fit packs up to 4,294,967,296 documents at once, got " +
                                      std::to_string(num_documents) + ": pack them in parts");
        }
    }

    // Whether a number tells of a piece more than its document.
    [[nodiscard]] bool any() const { return document_bits_ < 32; }

    // Of a piece that begins at a whole number of sequences.
    [[nodiscard]] std::uint32_t number(std::uint32_t document, Length start) const {
        return number_after(document, sequences_in_.divide(static_cast<std::uint32_t>(start)));
    }
    // The same where it is known how many sequences come before the piece.
    [[nodiscard]] std::uint32_t number_after(std::uint32_t document, std::uint32_t before) const {
        return most_ == 0 ? document : document | (before < most_ ? before : most_) << document_bits_;
    }

    [[nodiscard]] std::uint32_t document(std::uint32_t number) const {
        return any() ? number & ((std::uint32_t{1} << document_bits_) - 1) : number;
    }

    // Whether a piece has as many sequences before it as no number tells, or more.
    [[nodiscard]] bool has_more(std::uint32_t number) const { return number >> document_bits_ == most_; }
    // The last token, in its document, of a piece of `length` tokens that has not.
    [[nodiscard]] Length told_last(std::uint32_t number, Length length) const {
        return static_cast<Length>((number >> document_bits_) *
                                   static_cast<std::uint32_t>(sequence_length_)) +
               length - 1;
    }
    // The same of any piece: those that have more end where their documents end.
    [[nodiscard]] Length last(std::uint32_t number, Length length, std::span<const Length> lengths) const {
        return has_more(number) ? lengths[document(number)] - 1 : told_last(number, length);
    }

  private:
    int document_bits_;
    std::uint32_t most_;  // sequences that a number tells; or more
    Length sequence_length_;
    FastDivisor sequences_in_;
};

}  // namespace pypack
