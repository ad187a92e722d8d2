#include "objective/denoising.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "common/simd.hpp"

namespace pypack {

namespace {

struct CopyPortable {
    template <typename Token, typename Id>
    PYPACK_INLINE void operator()(const Token* tokens, Length count, Id* out) const {
        for (Length i = 0; i < count; ++i) out[i] = static_cast<Id>(tokens[i]);
    }
};

#if PYPACK_X86_DISPATCH

// Runs are short: a vector with lanes left out has no rest that goes token by token.
struct CopyAvx512 {
    PYPACK_TARGET_AVX512 void operator()(const std::uint16_t* tokens, Length count, std::int64_t* out) const {
        for (Length i = 0; i < count; i += 8) {
            const __mmask8 lanes = lanes_of(count - i);
            const __m128i eight = _mm_maskz_loadu_epi16(lanes, tokens + i);
            _mm512_mask_storeu_epi64(out + i, lanes, _mm512_maskz_cvtepu16_epi64(0xff, eight));
        }
    }
    PYPACK_TARGET_AVX512 void operator()(const std::uint16_t* tokens, Length count, std::int32_t* out) const {
        for (Length i = 0; i < count; i += 8) {
            const __mmask8 lanes = lanes_of(count - i);
            const __m128i eight = _mm_maskz_loadu_epi16(lanes, tokens + i);
            _mm256_mask_storeu_epi32(out + i, lanes, _mm256_cvtepu16_epi32(eight));
        }
    }
    PYPACK_TARGET_AVX512 void operator()(const std::int32_t* tokens, Length count, std::int64_t* out) const {
        for (Length i = 0; i < count; i += 8) {
            const __mmask8 lanes = lanes_of(count - i);
            const __m256i eight = _mm256_maskz_loadu_epi32(lanes, tokens + i);
            _mm512_mask_storeu_epi64(out + i, lanes, _mm512_maskz_cvtepi32_epi64(0xff, eight));
        }
    }
    PYPACK_TARGET_AVX512 void operator()(const std::int32_t* tokens, Length count, std::int32_t* out) const {
        for (Length i = 0; i < count; i += 8) {
            const __mmask8 lanes = lanes_of(count - i);
            _mm256_mask_storeu_epi32(out + i, lanes, _mm256_maskz_loadu_epi32(lanes, tokens + i));
        }
    }

    PYPACK_TARGET_AVX512 static inline __mmask8 lanes_of(Length count) {
        return static_cast<__mmask8>(_bzhi_u32(0xff, static_cast<unsigned>(std::min<Length>(count, 8))));
    }
};

#endif

// Kept runs and sentinels to the inputs, sentinels and what is left out to the targets.
template <typename Copy, typename Token, typename Id>
PYPACK_INLINE void write_runs(const Copy& copy, const Token* tokens, const NoiseRuns& runs,
                              const std::uint32_t* sentinels, PairItems<Id>& out) {
    const auto kept = runs.kept();
    const auto noise = runs.noise();
    if (noise.empty()) {
        copy(tokens, kept[0], out.inputs);
        out.inputs += kept[0];
        *out.targets++ = static_cast<Id>(sentinels[0]);
        return;
    }
    for (std::size_t i = 0; i < noise.size(); ++i) {
        const auto sentinel = static_cast<Id>(sentinels[i]);
        copy(tokens, kept[i], out.inputs);
        tokens += kept[i];
        out.inputs += kept[i];
        *out.inputs++ = sentinel;
        *out.targets++ = sentinel;
        copy(tokens, noise[i], out.targets);
        tokens += noise[i];
        out.targets += noise[i];
    }
}

#if PYPACK_X86_DISPATCH

template <typename Token, typename Id>
PYPACK_TARGET_AVX512 void write_runs_avx512(const Token* tokens, const NoiseRuns& runs,
                                            const std::uint32_t* sentinels, PairItems<Id>& out) {
    write_runs(CopyAvx512{}, tokens, runs, sentinels, out);
}

#endif

template <typename Token, typename Id>
void write_runs_by(Instructions instructions, const Token* tokens, const NoiseRuns& runs,
                   const std::uint32_t* sentinels, PairItems<Id>& out) {
#if PYPACK_X86_DISPATCH
    if constexpr (std::is_same_v<Token, std::uint16_t> || std::is_same_v<Token, std::int32_t>) {
        if (instructions == Instructions::kAvx512) return write_runs_avx512(tokens, runs, sentinels, out);
    }
#else
    (void)instructions;
#endif
    write_runs(CopyPortable{}, tokens, runs, sentinels, out);
}

}  // namespace

Denoising::Denoising(PairSizes sizes, std::vector<std::uint32_t> sentinels,
                     std::vector<std::vector<std::uint32_t>> modes, std::uint32_t end, std::uint32_t start,
                     Instructions instructions)
    : sizes_(std::move(sizes)),
      sentinels_(std::move(sentinels)),
      modes_(std::move(modes)),
      end_(end),
      start_(start),
      instructions_(instructions) {
    bool agree = modes_.size() == sizes_.denoisers().size();
    for (std::size_t i = 0; agree && i < modes_.size(); ++i) {
        agree = static_cast<Length>(modes_[i].size()) == sizes_.denoisers()[i].mode_tokens;
        if (sizes_.denoisers()[i].kind == Denoiser::Kind::spans && sentinels_.empty()) {
            throw std::invalid_argument("there is no sentinel for runs that are left out");
        }
    }
    if (!agree) throw std::invalid_argument("the mode tokens are not as the sizes count them");
}

template <typename Token, typename Id>
Length Denoising::write(const PlanSpan& span, std::uint64_t key, const Token* tokens,
                        const PairItems<Id>& out, NoiseRuns& runs) const {
    const std::size_t number = sizes_.denoiser_of(span.document, span.start);
    const Denoiser& denoiser = sizes_.denoisers()[number];
    PairItems<Id> at = out;
    for (const std::uint32_t id : modes_[number]) *at.inputs++ = static_cast<Id>(id);
    Length prefix = -1;
    if (denoiser.kind == Denoiser::Kind::prefix) {
        prefix = sizes_.prefix_of(denoiser, span.document, span.start, span.length);
        at.inputs = std::copy_n(tokens, prefix, at.inputs);
        at.targets = std::copy_n(tokens + prefix, span.length - prefix, at.targets);
    } else {
        const NoiseCounts counts = noise_counts(denoiser.rate, denoiser.mean, span.length);
        if (counts.runs > static_cast<Length>(sentinels_.size())) {
            throw std::invalid_argument(
                "document " + std::to_string(span.document) + " has " + std::to_string(counts.runs) +
                " runs that are left out of " + std::to_string(span.length) + " tokens, and there are " +
                std::to_string(sentinels_.size()) + " sentinels: give more, or pack with shorter inputs");
        }
        runs.draw(key, span.length, counts);
        write_runs_by(instructions_, tokens, runs, sentinels_.data(), at);
    }
    if (sizes_.ends()) {
        *at.inputs = static_cast<Id>(end_);
        *at.targets = static_cast<Id>(end_);
    }
    return prefix;
}

#define PYPACK_INSTANTIATE_WRITE(Token)                                                 \
    template Length Denoising::write(const PlanSpan&, std::uint64_t, const Token*,      \
                                     const PairItems<std::int64_t>&, NoiseRuns&) const; \
    template Length Denoising::write(const PlanSpan&, std::uint64_t, const Token*,      \
                                     const PairItems<std::int32_t>&, NoiseRuns&) const;
PYPACK_INSTANTIATE_WRITE(std::uint8_t)
PYPACK_INSTANTIATE_WRITE(std::int8_t)
PYPACK_INSTANTIATE_WRITE(std::int16_t)
PYPACK_INSTANTIATE_WRITE(std::uint16_t)
PYPACK_INSTANTIATE_WRITE(std::int32_t)
PYPACK_INSTANTIATE_WRITE(std::int64_t)
#undef PYPACK_INSTANTIATE_WRITE

}  // namespace pypack
