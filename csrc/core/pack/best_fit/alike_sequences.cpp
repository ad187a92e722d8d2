#include "pack/best_fit/alike_sequences.hpp"

#include <bit>
#include <cstddef>

namespace pypack {

namespace {

// Sequences at which a placement begins or ends, as bits, so that they need not be sorted.
class Borders {
  public:
    explicit Borders(std::int64_t num_sequences)
        : words_(static_cast<std::size_t>(num_sequences) / 64 + 1, 0), before_(words_.size(), 0) {}

    void add(std::int64_t sequence) { words_[static_cast<std::size_t>(sequence) / 64] |= bit_of(sequence); }

    void count() {
        std::uint32_t total = 0;
        for (std::size_t i = 0; i < words_.size(); ++i) {
            before_[i] = total;
            total += static_cast<std::uint32_t>(std::popcount(words_[i]));
        }
    }

    // Which of the borders this one is.
    [[nodiscard]] std::size_t number(std::int64_t sequence) const {
        const std::size_t word = static_cast<std::size_t>(sequence) / 64;
        return before_[word] + static_cast<std::size_t>(std::popcount(words_[word] & (bit_of(sequence) - 1)));
    }

    template <typename Visit>
    void each(Visit&& visit) const {
        for (std::size_t i = 0; i < words_.size(); ++i) {
            for (std::uint64_t rest = words_[i]; rest != 0; rest &= rest - 1) {
                visit(static_cast<std::int64_t>(i) * 64 + std::countr_zero(rest));
            }
        }
    }

  private:
    static std::uint64_t bit_of(std::int64_t sequence) {
        return std::uint64_t{1} << static_cast<unsigned>(sequence % 64);
    }

    std::vector<std::uint64_t> words_;
    std::vector<std::uint32_t> before_;
};

// Calls visit(units, placement), from the longest documents down: the placements of each sequence in the
// order of their slots.
template <typename Visit>
void each_placement(const Placements& placements, Visit&& visit) {
    for (std::size_t units = placements.first.size() - 1; units >= 1; --units) {
        for (std::uint32_t i = placements.first[units]; i < placements.first[units - 1]; ++i) {
            visit(units, placements.all[i]);
        }
    }
}

}  // namespace

AlikeSequences alike_sequences_of(const Placements& placements) {
    AlikeSequences result;
    if (placements.num_sequences == 0) return result;
    Borders borders(placements.num_sequences);
    for (const Placement& placement : placements.all) {
        borders.add(placement.first_sequence);
        borders.add(placement.end_sequence);
    }
    borders.count();
    borders.each([&](std::int64_t sequence) {
        if (!result.stretches.empty()) result.stretches.back().end_sequence = sequence;
        result.stretches.push_back({sequence, sequence, 0, 0, 0, 0});
    });
    result.stretches.pop_back();  // the border behind the last sequence

    for (const Placement& placement : placements.all) {
        const std::size_t end = borders.number(placement.end_sequence);
        for (std::size_t i = borders.number(placement.first_sequence); i < end; ++i) {
            ++result.stretches[i].end_part;
        }
    }
    std::int64_t spans = 0;
    std::size_t parts = 0;
    for (Stretch& stretch : result.stretches) {
        const std::size_t here = stretch.end_part;
        stretch.first_part = stretch.end_part = parts;
        parts += here;
    }
    result.parts.resize(parts);
    each_placement(placements, [&](std::size_t units, const Placement& placement) {
        const std::size_t end = borders.number(placement.end_sequence);
        for (std::size_t i = borders.number(placement.first_sequence); i < end; ++i) {
            Stretch& stretch = result.stretches[i];
            const std::int64_t within = stretch.first_sequence - placement.first_sequence;
            result.parts[stretch.end_part++] = {units, placement.first_rank + within * placement.per_sequence,
                                                placement.per_sequence};
            stretch.spans += placement.per_sequence;
        }
    });
    for (Stretch& stretch : result.stretches) {
        stretch.first_span = spans;
        spans += (stretch.end_sequence - stretch.first_sequence) * stretch.spans;
    }
    return result;
}

}  // namespace pypack
