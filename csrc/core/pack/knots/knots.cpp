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
    Piece piece;
};

class Sequence {
  public:
    Sequence(const PlanView& plan, const KnotOptions& options, std::uint64_t seed_key, KnottedPlan& out)
        : plan_(plan), options_(options), seed_key_(seed_key), out_(out) {}

    void tie(std::size_t s, Length capacity) {
        key_ = combine_keys(seed_key_, s);
        cut(s, capacity);
        shuffle();
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
            if (piece.length < count) count = 1;
            const std::int64_t literals = options_.literals_of(count);
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
            find_cuts(span, piece.length, count);
            for (std::int64_t c = 0; c < count; ++c) {
                const auto from = static_cast<Length>(cuts_[static_cast<std::size_t>(c)]);
                const auto to = static_cast<Length>(cuts_[static_cast<std::size_t>(c) + 1]);
                parts_.push_back(
                    {span, c, count, {piece.document, static_cast<Length>(piece.start + from), to - from}});
            }
        }
    }

    // Borders of the chunks of a span, its ends among them.
    void find_cuts(std::int64_t span, std::int64_t length, std::int64_t count) {
        cuts_.assign(1, 0);
        const std::uint64_t key =
            combine_keys(combine_keys(key_, static_cast<std::uint64_t>(KnotDraw::kCuts)),
                         static_cast<std::uint64_t>(span));
        for (std::int64_t c = 1; c < count; ++c) {
            if (options_.equal_cuts) {
                cuts_.push_back(length / count * c);
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

    // slots_[i]: the place of part i. The last part keeps its own.
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
        in_slot_.resize(slots_.size());
        for (std::size_t i = 0; i < slots_.size(); ++i) in_slot_[slots_[i]] = i;
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
            const auto knot = static_cast<std::size_t>(2 * part.number);
            const bool knotted = !options_.knots.empty();
            if (knotted && part.number > 0) literal(options_.knots[knot - 1], false);
            end_gap();
            out_.plan.add_span(part.piece.document, part.piece.start, part.piece.length);
            if (knotted && part.number + 1 < part.of) literal(options_.knots[knot], false);
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

std::int64_t KnotOptions::literals_of(std::int64_t parts) const {
    if (parts < 2) return 0;
    std::int64_t tokens = knots.empty() ? 0 : 2 * (parts - 1);
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
    if (!knots.empty() && knots.size() != 2 * (num_chunks - 1)) {
        refuse("up to " + std::to_string(num_chunks) + " chunks need " +
               std::to_string(2 * (num_chunks - 1)) + " knot tokens, got " + std::to_string(knots.size()));
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
