#include "objective/positions.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "common/random.hpp"
#include "common/simd.hpp"
#include "objective/draws.hpp"
#include "objective/gap_tables.hpp"
#include "objective/sorted_sample.hpp"

namespace pypack {

namespace {

// Way::place(length, draws, positions) writes the positions of a span.
template <typename Way>
class Positions : public Objective {
  public:
    explicit Positions(Way way) : way_(std::move(way)) {}

    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int64_t>& arrays) const override {
        place_all(spans, arrays.position_ids);
    }
    void apply(std::span<const ObjectiveSpan> spans,
               const ObjectiveArrays<std::int32_t>& arrays) const override {
        place_all(spans, arrays.position_ids);
    }
    [[nodiscard]] bool needs_labels() const override { return false; }

  private:
    template <typename Id>
    void place_all(std::span<const ObjectiveSpan> spans, Id* positions) const {
        if (positions == nullptr) return;
        for (const ObjectiveSpan& span : spans) {
            way_.place(span.length, draws_for(span.key, Purpose::kPosition), positions + span.begin);
        }
    }

    Way way_;
};

PYPACK_SIMD_CLONES void count_from(std::int64_t* positions, std::int64_t count, std::int64_t first) {
    for (std::int64_t i = 0; i < count; ++i) positions[i] = first + i;
}
PYPACK_SIMD_CLONES void count_from(std::int32_t* positions, std::int64_t count, std::int64_t first) {
    const auto from = static_cast<std::int32_t>(first);
    for (std::int64_t i = 0; i < count; ++i) positions[i] = from + static_cast<std::int32_t>(i);
}

struct Pose {
    std::int64_t target;
    std::int64_t chunks;

    template <typename Id>
    void place(std::int64_t length, std::uint64_t draws, Id* positions) const {
        const std::int64_t count = std::min(chunks, length);
        if (length >= target || count < 2) return;
        thread_local std::vector<std::int64_t> cuts;
        cuts.clear();
        for (std::int64_t c = 1; c < count; ++c) {
            const std::uint64_t bits = combine_keys(draws, static_cast<std::uint64_t>(2 * c));
            if (count == 2) {
                cuts.push_back(
                    1 + static_cast<std::int64_t>(below(bits, static_cast<std::uint64_t>((length + 1) / 2))));
                continue;
            }
            // Floyd's sample of count - 1 of the places 1 .. length - 1.
            const std::int64_t last = length - count + c;
            const auto cut = static_cast<std::int64_t>(1 + below(bits, static_cast<std::uint64_t>(last)));
            const bool taken = std::find(cuts.begin(), cuts.end(), cut) != cuts.end();
            cuts.push_back(taken ? last : cut);
        }
        std::sort(cuts.begin(), cuts.end());
        std::int64_t shift = 0;
        for (std::int64_t c = 1; c < count; ++c) {
            const std::uint64_t bits = combine_keys(draws, static_cast<std::uint64_t>(2 * c + 1));
            const auto rest = static_cast<std::uint64_t>(target - length - shift + 1);
            shift += static_cast<std::int64_t>(below(bits, rest));
            const std::int64_t first = cuts[static_cast<std::size_t>(c) - 1];
            const std::int64_t end = c + 1 < count ? cuts[static_cast<std::size_t>(c)] : length;
            count_from(positions + first, end - first, first + shift);
        }
    }
};

struct Sampled {
    std::shared_ptr<const GapTables> tables;
    Instructions instructions;

    template <typename Id>
    void place(std::int64_t length, std::uint64_t draws, Id* positions) const {
        if (length >= tables->limit() || length < 1) return;
        thread_local SortedSample sample;
        sample.draw(draws, length, *tables, instructions, positions);
    }
};

struct Windows {
    std::int64_t target;
    std::int64_t chunks;
    std::int64_t head;
    std::int64_t tail;

    template <typename Id>
    void place(std::int64_t length, std::uint64_t draws, Id* positions) const {
        const std::int64_t size = (length - head - tail) / chunks;
        if (length >= target || size < 1) return;
        const std::int64_t end = length - head - chunks * size;  // tokens of the tail
        const std::int64_t span = (target - head - end) / chunks;
        const std::int64_t windows = (span + size - 1) / size;
        for (std::int64_t c = 0; c < chunks; ++c) {
            const std::uint64_t bits = combine_keys(draws, static_cast<std::uint64_t>(c));
            const auto window = static_cast<std::int64_t>(below(bits, static_cast<std::uint64_t>(windows)));
            const std::int64_t start = windows == 1 ? 0 : window * (span - size) / (windows - 1);
            count_from(positions + head + c * size, size, head + c * span + start);
        }
        count_from(positions + length - end, end, target - end);
    }
};

}  // namespace

std::shared_ptr<Objective> pose_positions(std::int64_t target, std::int64_t chunks) {
    return std::make_shared<Positions<Pose>>(Pose{target, chunks});
}

std::shared_ptr<Objective> random_positions(std::int64_t target, Instructions instructions) {
    return std::make_shared<Positions<Sampled>>(
        Sampled{std::make_shared<GapTables>(target), resolve(instructions)});
}

std::shared_ptr<Objective> logo_positions(std::int64_t target, std::int64_t chunks, std::int64_t head,
                                          std::int64_t tail) {
    return std::make_shared<Positions<Windows>>(Windows{target, chunks, head, tail});
}

}  // namespace pypack
