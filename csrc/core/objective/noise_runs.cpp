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

#if PYPACK_X86_DISPATCH
PYPACK_TARGET_AVX512 void pack_avx512(const std::uint8_t* bytes, std::size_t words, std::uint64_t* bits) {
    for (std::size_t w = 0; w < words; ++w) {
        const __m512i all = _mm512_loadu_si512(bytes + 64 * w);
        bits[w] = _mm512_test_epi8_mask(all, all);
    }
}
#endif

// Bytes of 0 or 1 become bits, 64 a word.
void pack(const std::uint8_t* bytes, std::size_t words, Instructions instructions, std::uint64_t* bits) {
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) return pack_avx512(bytes, words, bits);
#endif
    (void)instructions;
    for (std::size_t w = 0; w < words; ++w) {
        bits[w] = 0;
        for (std::size_t i = 0; i < 64; ++i) bits[w] |= std::uint64_t{bytes[64 * w + i]} << i;
    }
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
    taken_.assign(64 * words, 0);
    std::uint64_t bits[kDraws];
    std::uint64_t index = 0;
    for (std::uint64_t found = 0; found < drawn; ++index) {
        if (index % kDraws == 0) draw_bits(draws, index, bits);
        std::uint8_t& taken = taken_[below(bits[index % kDraws], places)];
        found += 1U - taken;
        taken = 1;
    }
    cuts_.resize(words);
    pack(taken_.data(), words, instructions, cuts_.data());
    if (!few) {
        for (std::uint64_t& word : cuts_) word = ~word;
        if (places % 64 != 0) cuts_[words - 1] &= (std::uint64_t{1} << (places % 64)) - 1;
    }
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
