#include "pack/best_fit/span_rows.hpp"

#include <algorithm>
#include <limits>

#include "common/simd.hpp"
#include "pack/best_fit/span_words.hpp"

namespace pypack {

namespace {

// Documents that begin and end where their sequences and their units say.
PYPACK_SIMD_CLONES void words_by_units(const std::uint32_t* numbers, std::int64_t size, std::uint64_t beside,
                                       std::uint64_t* out) {
    for (std::int64_t i = 0; i < size; ++i) out[i] = beside | numbers[i];
}

// Pieces of `length` tokens. Gives whether one has more sequences before it than its number can tell.
PYPACK_SIMD_CLONES bool words_by_numbers(const std::uint32_t* numbers, std::int64_t size, NumberedCuts cuts,
                                         Length length, std::uint64_t mark, std::uint64_t* out) {
    std::uint32_t more = 0;
    for (std::int64_t i = 0; i < size; ++i) {
        more |= cuts.has_more(numbers[i]) ? 1U : 0U;
        out[i] = mark | span_word(cuts.document(numbers[i]), cuts.told_last(numbers[i], length));
    }
    return more != 0;
}

}  // namespace

SpanRows::SpanRows(const SortedDocuments& sorted, std::span<const Length> lengths, const PackOptions& options,
                   bool all_plain)
    : sorted_(sorted),
      lengths_(lengths),
      most_(all_plain ? options.sequence_length : std::numeric_limits<Length>::max()),
      ends_(options.align == 1 && all_plain             ? Ends::units
            : options.align == 1 && sorted.cuts().any() ? Ends::numbers
                                                        : Ends::lengths) {}

void SpanRows::write(const StretchPart& part, std::int64_t first, std::int64_t k, std::int64_t size,
                     std::uint64_t mark, std::uint64_t* out) const {
    const std::int64_t each = part.per_sequence;
    const std::uint32_t* numbers = sorted_.of_units(part.units) + part.first_rank + first * each + k;
    std::uint32_t apart[kMost];
    if (each > 1) {
        apart[0] = numbers[0];
        for (std::int64_t i = 1; i < size; ++i) apart[i] = numbers[i * each];
        numbers = apart;
    }
    const auto length = static_cast<Length>(part.units);
    if (ends_ == Ends::units) {
        words_by_units(numbers, size, mark | span_word(0, length - 1), out);
    } else if (ends_ == Ends::lengths) {
        write_by_lengths(numbers, size, mark, out);
    } else if (words_by_numbers(numbers, size, sorted_.cuts(), length, mark, out)) {
        for (std::int64_t i = 0; i < size; ++i) {
            const NumberedCuts& cuts = sorted_.cuts();
            out[i] = mark | span_word(cuts.document(numbers[i]), cuts.last(numbers[i], length, lengths_));
        }
    }
}

void SpanRows::write_by_lengths(const std::uint32_t* numbers, std::int64_t size, std::uint64_t mark,
                                std::uint64_t* out) const {
    for (std::int64_t i = 0; i < size; ++i) {
        const std::uint32_t document = sorted_.cuts().document(numbers[i]);
        // A plain document that is cut fills its sequence; of others this is the last piece.
        out[i] = mark | span_word(document, std::min(lengths_[document], most_) - 1);
    }
}

}  // namespace pypack
