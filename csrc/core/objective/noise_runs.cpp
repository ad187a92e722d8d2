#include "objective/noise_runs.hpp"

#include <algorithm>
#include <cstddef>

#include "common/random.hpp"
#include "common/simd.hpp"
#include "objective/chosen_bits.hpp"
#include "objective/draws.hpp"

namespace pypack {

namespace {

constexpr std::size_t kDraws = 32;  // that are made at a time

PYPACK_SIMD_CLONES
void draw_bits(std::uint64_t draws, std::uint64_t first, std::uint64_t* bits) {
    for (std::size_t i = 0; i < kDraws; ++i) bits[i] = combine_keys(draws, first + i);
}

}  // namespace

void NoiseRuns::draw(std::uint64_t span_key, Length length, NoiseCounts counts, Instructions instructions) {
    if (counts.runs == 0) {
        kept_.assign(1, length);
        noise_.clear();
        return;
    }
    cut(draws_for(span_key, Purpose::kNoise), counts.tokens, counts.runs, instructions, noise_);
    cut(draws_for(span_key, Purpose::kKept), length - counts.tokens, counts.runs, instructions, kept_);
}

void NoiseRuns::cut(std::uint64_t draws, Length tokens, Length parts, Instructions instructions,
                    std::vector<Length>& lengths) {
    lengths.resize(static_cast<std::size_t>(parts));
    const auto places = static_cast<std::uint64_t>(tokens - 1);
    const auto wanted = static_cast<std::uint64_t>(parts - 1);
    const bool few = 2 * wanted <= places;  // else those are drawn that are no cuts
    const std::uint64_t drawn = few ? wanted : places - wanted;
    const std::size_t words = (places + 63) / 64;
    cuts_.assign(words, few ? 0 : ~std::uint64_t{0});
    std::uint64_t bits[kDraws];
    std::uint64_t index = 0;
    for (std::uint64_t found = 0; found < drawn; ++index) {
        if (index % kDraws == 0) draw_bits(draws, index, bits);
        const std::uint64_t place = below(bits[index % kDraws], places);
        std::uint64_t& word = cuts_[place / 64];
        const std::uint64_t bit = std::uint64_t{1} << (place % 64);
        found += ((word & bit) == 0) == few ? 1 : 0;
        word = few ? word | bit : word & ~bit;
    }
    if (!few && places % 64 != 0) cuts_[words - 1] &= (std::uint64_t{1} << (places % 64)) - 1;
    places_.resize(static_cast<std::size_t>(parts) + 17);
    places_[0] = 0;
    std::uint32_t* const behind = places_.data() + 1;  // behind each is a cut
    const std::size_t found =
        list_places(cuts_.data(), static_cast<std::int64_t>(words), 1, instructions, behind);
    behind[found] = static_cast<std::uint32_t>(tokens);
    for (std::size_t i = 0; i <= found; ++i) {
        lengths[i] = static_cast<Length>(behind[i]) - static_cast<Length>(places_[i]);
    }
}

}  // namespace pypack
