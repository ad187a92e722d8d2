#include "pack/knots/knots.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/interrupt.hpp"
#include "common/random.hpp"
#include "pack/plan/verify.hpp"

namespace pypack {

namespace {

constexpr std::uint64_t kPurpose = 0x6b6e6f7473;  // "knots"
constexpr std::uint64_t kCertain = std::uint64_t{1} << 32;

// What a draw of a sequence is for.
enum class KnotDraw : std::uint64_t { kKind, kChunks, kCuts, kShuffle, kNames };

std::uint64_t below(std::uint64_t bits, std::uint64_t limit) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(bits) * limit) >> 64);
}

std::size_t choose(std::uint64_t bits, std::span<const std::uint64_t> borders) {
    const auto found = std::upper_bound(borders.begin(), borders.end(), bits & (kCertain - 1));
    return std::min(static_cast<std::size_t>(found - borders.begin()), borders.size() - 1);
}

// A chunk of a span: which of how many.
struct Part {
    std::int64_t span;  // in its sequence
    std::int64_t number;
    std::int64_t of;
    bool sized;  // of chunk_size tokens
    Piece piece;
};

class Sequence {
  public:
    Sequence(const PlanView& plan, const KnotOptions& options, std::uint64_t seed_key, KnottedPlan& out)
        : plan_(plan), options_(options), seed_key_(seed_key), out_(out) {}

    void tie(std::size_t s, Length capacity) {
        key_ = combine_keys(seed_key_, s);
        cut(s, capacity);
        arrange();
        write(capacity);
    }

  private:
    [[nodiscard]] std::uint64_t draw(KnotDraw purpose, std::uint64_t index) const {
        return combine_keys(combine_keys(key_, static_cast<std::uint64_t>(purpose)), index);
    }

    // The parts of all spans, in order, as far as the capacity has room for their literals.
    void cut(std::size_t s, Length capacity) {
        parts_.clear();
        const std::int64_t begin = plan_.sequence_offsets[s];
        const std::int64_t end = plan_.sequence_offsets[s + 1];
        std::int64_t room = capacity;
        for (std::int64_t i = begin; i < end; ++i) room -= plan_.span_length[static_cast<std::size_t>(i)];
        const std::size_t kind = choose(draw(KnotDraw::kKind, 0), options_.kinds);
        const std::span<const std::uint64_t> chances =
            std::span(options_.chunks).subspan(kind * options_.num_chunks, options_.num_chunks);
        for (std::int64_t i = begin; i < end; ++i) {
            const auto at = static_cast<std::size_t>(i);
            const Piece piece{plan_.span_document[at], plan_.span_start[at], plan_.span_length[at]};
            const std::int64_t span = i - begin;
            auto count = static_cast<std::int64_t>(
                choose(draw(KnotDraw::kChunks, static_cast<std::uint64_t>(span)), chances) + 1);
            bool sized = options_.chunk_size > 0 && count == static_cast<std::int64_t>(options_.num_chunks);
            if (sized) {
                count =
                    std::max<std::int64_t>((piece.length + options_.chunk_size - 1) / options_.chunk_size, 1);
                check_numbers(piece, count);
            } else if (piece.length < count) {
                count = 1;
            }
            const std::int64_t literals = options_.literals_of(count, sized);
            if (literals > room) {
                ++out_.counts.left_whole;
                count = 1;
            } else {
                room -= literals;
            }
            if (count > 1) {
                ++out_.counts.cut_spans;
                out_.counts.chunks += count;
            }
            sized = sized && count > 1;
            find_cuts(span, piece.length, count, sized);
            for (std::int64_t c = 0; c < count; ++c) {
                const auto from = static_cast<Length>(cuts_[static_cast<std::size_t>(c)]);
                const auto to = static_cast<Length>(cuts_[static_cast<std::size_t>(c) + 1]);
                parts_.push_back({span,
                                  c,
                                  count,
                                  sized,
                                  {piece.document, static_cast<Length>(piece.start + from), to - from}});
            }
        }
    }

    // Borders of the chunks of a span, its ends among them.
    void find_cuts(std::int64_t span, std::int64_t length, std::int64_t count, bool sized) {
        cuts_.assign(1, 0);
        const std::uint64_t key =
            combine_keys(combine_keys(key_, static_cast<std::uint64_t>(KnotDraw::kCuts)),
                         static_cast<std::uint64_t>(span));
        for (std::int64_t c = 1; c < count; ++c) {
            if (sized || options_.equal_cuts) {
                cuts_.push_back((sized ? options_.chunk_size : length / count) * c);
                continue;
            }
            // Floyd's sample of count - 1 of the places 1 .. length - 1.
            const std::int64_t last = length - count + c;
            const auto place =
                static_cast<std::int64_t>(1 + below(combine_keys(key, static_cast<std::uint64_t>(c)),
                                                    static_cast<std::uint64_t>(last)));
            const bool taken = std::find(cuts_.begin() + 1, cuts_.end(), place) != cuts_.end();
            cuts_.push_back(taken ? last : place);
        }
        std::sort(cuts_.begin(), cuts_.end());
        cuts_.push_back(length);
    }

    void check_numbers(const Piece& piece, std::int64_t count) const {
        if (options_.brackets.empty() || count <= static_cast<std::int64_t>(options_.numbers.size())) return;
        throw std::invalid_argument(
            std::to_string(piece.length) + " tokens of document " + std::to_string(piece.document) + " are " +
            std::to_string(count) + " chunks of " + std::to_string(options_.chunk_size) +
            " tokens, and number_ids has the tokens of " + std::to_string(options_.numbers.size()) +
            " numbers: give those of as many as there are chunks");
    }

    // slots_[i]: the place of part i. The last part keeps its own.
    void arrange() {
        if (options_.interleave) {
            interleave();
        } else {
            shuffle();
        }
        in_slot_.resize(slots_.size());
        for (std::size_t i = 0; i < slots_.size(); ++i) in_slot_[slots_[i]] = i;
    }

    // The first parts of all spans in their order, then their second parts, and so on.
    void interleave() {
        in_slot_.resize(parts_.size());
        for (std::size_t i = 0; i < in_slot_.size(); ++i) in_slot_[i] = i;
        std::stable_sort(in_slot_.begin(), in_slot_.end(),
                         [&](std::size_t a, std::size_t b) { return parts_[a].number < parts_[b].number; });
        slots_.resize(parts_.size());
        for (std::size_t slot = 0; slot < slots_.size(); ++slot) slots_[in_slot_[slot]] = slot;
    }

    void shuffle() {
        const std::size_t moved = parts_.empty() ? 0 : parts_.size() - 1;
        slots_.resize(parts_.size());
        for (std::size_t i = 0; i < slots_.size(); ++i) slots_[i] = i;
        for (std::size_t i = moved; i > 1; --i) {
            std::swap(slots_[i - 1], slots_[below(draw(KnotDraw::kShuffle, i), i)]);
        }
        if (options_.keep_order) {
            for (std::size_t first = 0; first < moved;) {
                std::size_t last = first;
                while (last < moved && parts_[last].span == parts_[first].span) ++last;
                std::sort(slots_.begin() + static_cast<std::ptrdiff_t>(first),
                          slots_.begin() + static_cast<std::ptrdiff_t>(last));
                first = last;
            }
        }
    }

    void literal(std::int32_t token, bool learned) {
        const std::size_t at = out_.literal_tokens.size();
        out_.literal_tokens.push_back(token);
        if (at % 8 == 0) out_.literal_learned.push_back(0);
        if (learned) {
            out_.literal_learned.back() =
                static_cast<std::uint8_t>(out_.literal_learned.back() | (1U << (at % 8)));
        }
    }

    void name(std::size_t slot, bool learned) {
        for (std::int64_t i = 0; i < options_.name_length; ++i) {
            const std::uint64_t bits =
                draw(KnotDraw::kNames,
                     slot * static_cast<std::uint64_t>(options_.name_length) + static_cast<std::uint64_t>(i));
            literal(options_.letters[below(bits, options_.letters.size())], learned);
        }
    }

    // At the head (0) or the tail (1) of a part, where it was cut.
    void knot(const Part& part, std::size_t side) {
        const auto number = static_cast<std::size_t>(part.number);
        if (!part.sized) {
            if (!options_.knots.empty()) literal(options_.knots[2 * number - 1 + side], false);
            return;
        }
        if (options_.brackets.empty()) return;
        literal(options_.brackets[2 * side], false);
        const std::vector<std::int32_t>& tokens = options_.numbers[number];
        // A model that has seen the first token of a number is to know the others.
        for (std::size_t i = 0; i < tokens.size(); ++i) literal(tokens[i], i > 0);
        literal(options_.brackets[2 * side + 1], false);
    }

    // Behind the last of a document's parts: their names, in its order. Part i stands there.
    void summary(std::size_t i) {
        const std::size_t first = i - static_cast<std::size_t>(parts_[i].number);
        const auto count = static_cast<std::size_t>(parts_[i].of);
        const auto slots = std::span(slots_).subspan(first, count);
        if (*std::max_element(slots.begin(), slots.end()) != slots_[i]) return;
        literal(options_.marks[2], false);
        for (std::size_t c = 0; c < count; ++c) {
            if (c > 0) literal(options_.marks[3], true);
            name(slots[c], true);
        }
        literal(options_.marks[4], true);
    }

    void write(Length capacity) {
        const bool named = !options_.marks.empty();
        const auto end_gap = [&] {
            out_.literal_offsets.push_back(static_cast<std::int64_t>(out_.literal_tokens.size()));
        };
        for (std::size_t slot = 0; slot < in_slot_.size(); ++slot) {
            const std::size_t i = in_slot_[slot];
            const Part& part = parts_[i];
            if (named && part.of > 1) {
                literal(options_.marks[0], false);
                name(slot, false);
                literal(options_.marks[1], false);
            }
            if (part.number > 0) knot(part, 0);
            end_gap();
            out_.plan.add_span(part.piece.document, part.piece.start, part.piece.length);
            if (part.number + 1 < part.of) knot(part, 1);
            if (named && part.of > 1) summary(i);
        }
        end_gap();
        out_.plan.end_sequence(capacity);
    }

    const PlanView& plan_;
    const KnotOptions& options_;
    std::uint64_t seed_key_;
    KnottedPlan& out_;
    std::uint64_t key_ = 0;
    std::vector<Part> parts_;
    std::vector<std::int64_t> cuts_;
    std::vector<std::size_t> slots_;
    std::vector<std::size_t> in_slot_;
};

}  // namespace

std::int64_t KnotOptions::literals_of(std::int64_t parts, bool sized) const {
    if (parts < 2) return 0;
    std::int64_t tokens = sized || knots.empty() ? 0 : 2 * (parts - 1);
    if (sized && !brackets.empty()) {
        const auto of = [&](std::int64_t part) {
            return static_cast<std::int64_t>(numbers[static_cast<std::size_t>(part)].size()) + 2;
        };
        for (std::int64_t part = 0; part + 1 < parts; ++part) tokens += of(part) + of(part + 1);
    }
    if (!marks.empty()) tokens += parts * (2 + name_length) + parts * name_length + parts + 1;
    return tokens;
}

void KnotOptions::validate() const {
    const auto refuse = [](const std::string& what) { throw std::invalid_argument(what); };
    const auto rise = [](std::span<const std::uint64_t> borders) {
        return !borders.empty() && std::is_sorted(borders.begin(), borders.end()) &&
               borders.back() == kCertain;
    };
    if (!rise(kinds)) refuse("the chances of kinds must rise to 2^32");
    if (num_chunks < 1 || chunks.size() != kinds.size() * num_chunks) {
        refuse("there must be as many chances of chunks for every kind");
    }
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        if (!rise(std::span(chunks).subspan(i * num_chunks, num_chunks))) {
            refuse("the chances of chunks must rise to 2^32");
        }
    }
    const std::size_t counted = num_chunks - (chunk_size > 0 ? 1 : 0);  // the most chunks that have knots
    const std::size_t wanted = counted > 1 ? 2 * (counted - 1) : 0;
    if (!knots.empty() && knots.size() != wanted) {
        refuse("up to " + std::to_string(counted) + " chunks need " + std::to_string(wanted) +
               " knot tokens, got " + std::to_string(knots.size()));
    }
    if (chunk_size < 0) refuse("the size of chunks must not be negative");
    if (!brackets.empty() && (brackets.size() != 4 || chunk_size < 1)) {
        refuse("numbers of chunks of one size need four brackets");
    }
    if (!marks.empty() && (marks.size() != 5 || letters.empty() || name_length < 1)) {
        refuse("names of chunks need five marks, letters and a length");
    }
}

KnottedPlan tie_knots(const PlanView& plan, const KnotOptions& options, Length capacity) {
    options.validate();
    check_offsets(plan);
    if (plan.literals.any()) throw std::invalid_argument("the plan has literals already");
    KnottedPlan out;
    out.literal_offsets.push_back(0);
    Sequence sequence(plan, options, random_bits(options.seed, kPurpose, 0), out);
    for (std::size_t s = 0; s < plan.sequence_capacity.size(); ++s) {
        check_interrupt_at(s);
        sequence.tie(s, capacity > 0 ? capacity : plan.sequence_capacity[s]);
    }
    return out;
}

}  // namespace pypack
