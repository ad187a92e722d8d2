#include "objective/replacement.hpp"

#include <cstddef>

#include "common/feistel_vectors.hpp"
#include "common/random.hpp"
#include "common/simd.hpp"
#include "objective/draws.hpp"
#include "objective/scatter.hpp"

namespace pypack {

namespace {

inline std::uint32_t choose(const Replacement& by, std::uint64_t bits, std::uint32_t token) {
    const std::uint64_t kind = bits & 0xffffffff;
    const auto word = static_cast<std::uint32_t>(((bits >> 32) * by.vocab_size) >> 32);
    const std::uint32_t other = kind < by.word_below ? word : token;
    return kind < by.mask_below ? by.mask_id : other;
}

void draw_words(std::uint64_t draws, std::uint64_t vocab_size, const std::uint32_t* places, std::size_t count,
                std::uint32_t* words) {
    for (std::size_t i = 0; i < count; ++i) {
        words[i] = static_cast<std::uint32_t>(((combine_keys(draws, places[i]) >> 32) * vocab_size) >> 32);
    }
}

#if PYPACK_X86_DISPATCH

// Eight at a time, also where there are fewer: both ends have room for them.
PYPACK_TARGET_AVX512 void draw_words_avx512(std::uint64_t draws, std::uint64_t vocab_size,
                                            const std::uint32_t* places, std::size_t count,
                                            std::uint32_t* words) {
    const __m512i golden = _mm512_set1_epi64(static_cast<long long>(0x9e3779b97f4a7c15ULL));
    const __m512i first = _mm512_set1_epi64(static_cast<long long>(draws + 0x9e3779b97f4a7c15ULL));
    const __m512i size = _mm512_set1_epi64(static_cast<long long>(vocab_size));
    for (std::size_t i = 0; i < count; i += 8) {
        const __m512i at = _mm512_maskz_cvtepu32_epi64(
            0xff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(places + i)));
        const __m512i bits = mix64_lanes(_mm512_add_epi64(first, _mm512_mullo_epi64(at, golden)));
        const __m512i high = _mm512_maskz_srli_epi64(0xff, bits, 32);
        const __m512i word = _mm512_maskz_srli_epi64(0xff, _mm512_maskz_mul_epu32(0xff, high, size), 32);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(words + i), _mm512_maskz_cvtepi64_epi32(0xff, word));
    }
}

#endif

// Without branches, which what replaces a token would mislead one time in five.
PYPACK_SIMD_CLONES
void replace_counted(const Replacement by, std::uint64_t draws, std::uint64_t first, std::size_t count,
                     const std::uint32_t* originals, std::uint32_t* tokens) {
    for (std::size_t i = 0; i < count; ++i) {
        tokens[i] = choose(by, combine_keys(draws, first + i), originals[i]);
    }
}

}  // namespace

void Replacement::replace_in_order(std::uint64_t span_key, std::uint64_t first,
                                   std::span<const std::uint32_t> originals, std::uint32_t* tokens) const {
    replace_counted(*this, draws_for(span_key, Purpose::kReplace), first, originals.size(), originals.data(),
                    tokens);
}

std::uint32_t Replacement::drawn(std::uint64_t draws, std::uint64_t index, std::uint32_t token) const {
    return choose(*this, combine_keys(draws, index), token);
}

Kinds::Kinds(std::uint64_t span_key, const Replacement& by, Instructions instructions)
    : numbers_(span_key, Purpose::kKind, Purpose::kKindTie, instructions),
      by_(by),
      draws_(draws_for(span_key, Purpose::kReplace)),
      instructions_(instructions) {}

void Kinds::sort(std::int64_t first, std::int64_t count, std::uint64_t* masked,
                 std::uint64_t* replaced) const {
    numbers_.below<2>({by_.mask_below, by_.word_below}, first, count, {masked, replaced});
}

template <typename Id>
void Kinds::replace(const std::uint64_t* bits, std::int64_t words, std::int64_t first, Id* ids) const {
    std::uint32_t places[kChosenPiece + 16];
    std::uint32_t tokens[kChosenPiece + 8];
    const std::size_t count = list_places(bits, words, first, instructions_, places);
#if PYPACK_X86_DISPATCH
    if (instructions_ == Instructions::kAvx512) {
        draw_words_avx512(draws_, by_.vocab_size, places, count, tokens);
    } else
#endif
        draw_words(draws_, by_.vocab_size, places, count, tokens);
    scatter(places, tokens, count, ids);
}

template void Kinds::replace(const std::uint64_t*, std::int64_t, std::int64_t, std::int64_t*) const;
template void Kinds::replace(const std::uint64_t*, std::int64_t, std::int64_t, std::int32_t*) const;

}  // namespace pypack
