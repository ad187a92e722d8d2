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
    PYPACK_INLINE void operator()(const Token* tokens, const Token*, Length count, Id* out, Id*) const {
        for (Length i = 0; i < count; ++i) out[i] = static_cast<Id>(tokens[i]);
    }
};

#if PYPACK_X86_DISPATCH

PYPACK_TARGET_AVX512 inline void store_eight(const std::uint16_t* tokens, std::int64_t* out) {
    const __m128i eight = _mm_loadu_si128(reinterpret_cast<const __m128i*>(tokens));
    _mm512_storeu_si512(out, _mm512_maskz_cvtepu16_epi64(0xff, eight));
}
PYPACK_TARGET_AVX512 inline void store_eight(const std::uint16_t* tokens, std::int32_t* out) {
    const __m128i eight = _mm_loadu_si128(reinterpret_cast<const __m128i*>(tokens));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_cvtepu16_epi32(eight));
}
PYPACK_TARGET_AVX512 inline void store_eight(const std::int32_t* tokens, std::int64_t* out) {
    const __m256i eight = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(tokens));
    _mm512_storeu_si512(out, _mm512_maskz_cvtepi32_epi64(0xff, eight));
}
PYPACK_TARGET_AVX512 inline void store_eight(const std::int32_t* tokens, std::int32_t* out) {
    const __m256i eight = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(tokens));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), eight);
}

// Runs are short, and of any length, so that the end of a loop over one is guessed wrongly about every time.
// What follows a run is written after it: where there is room behind it, on both ends of the copy, `vectors`
// of eight tokens are written anyhow.
template <Length vectors>
struct CopyAvx512 {
    template <typename Token, typename Id>
    PYPACK_TARGET_AVX512 inline void operator()(const Token* tokens, const Token* tokens_end, Length count,
                                                Id* out, Id* out_end) const {
        const std::int64_t written = std::max<std::int64_t>(count + 8, 8 * vectors);
        if (tokens_end - tokens < written || out_end - out < written) {
            for (Length i = 0; i < count; ++i) out[i] = static_cast<Id>(tokens[i]);
            return;
        }
        for (Length i = 0; i < 8 * vectors; i += 8) store_eight(tokens + i, out + i);
        for (Length i = 8 * vectors; i < count; i += 8) store_eight(tokens + i, out + i);
    }
};

#endif

// Kept runs and sentinels to the inputs, sentinels and what is left out to the targets.
template <typename Kept, typename Noise, typename Token, typename Id>
PYPACK_INLINE void write_runs(const Kept& copy_kept, const Noise& copy_noise, const Token* tokens,
                              const Token* tokens_end, const NoiseRuns& runs, const std::uint32_t* sentinels,
                              const PairItems<Id>& ends, PairItems<Id>& at) {
    PairItems<Id> out = at;
    const auto kept = runs.kept();
    const auto noise = runs.noise();
    if (noise.empty()) {
        copy_kept(tokens, tokens_end, kept[0], out.inputs, ends.inputs);
        at.inputs += kept[0];
        *at.targets++ = static_cast<Id>(sentinels[0]);
        return;
    }
    for (std::size_t i = 0; i < noise.size(); ++i) {
        const auto sentinel = static_cast<Id>(sentinels[i]);
        copy_kept(tokens, tokens_end, kept[i], out.inputs, ends.inputs);
        tokens += kept[i];
        out.inputs += kept[i];
        *out.inputs++ = sentinel;
        *out.targets++ = sentinel;
        copy_noise(tokens, tokens_end, noise[i], out.targets, ends.targets);
        tokens += noise[i];
        out.targets += noise[i];
    }
    at = out;
}

#if PYPACK_X86_DISPATCH

template <typename Token, typename Id>
PYPACK_TARGET_AVX512 void write_runs_avx512(const Token* tokens, const Token* tokens_end,
                                            const NoiseRuns& runs, const std::uint32_t* sentinels,
                                            const PairItems<Id>& ends, PairItems<Id>& at) {
    const auto count = static_cast<std::int64_t>(runs.noise().size());
    const std::int64_t left_out = ends.targets - at.targets - count;
    const bool few_kept = tokens_end - tokens - left_out <= 10 * count;  // on average
    if (left_out <= 4 * count) {
        if (few_kept) {
            write_runs(CopyAvx512<2>{}, CopyAvx512<1>{}, tokens, tokens_end, runs, sentinels, ends, at);
        } else {
            write_runs(CopyAvx512<4>{}, CopyAvx512<1>{}, tokens, tokens_end, runs, sentinels, ends, at);
        }
    } else if (few_kept) {
        write_runs(CopyAvx512<2>{}, CopyAvx512<2>{}, tokens, tokens_end, runs, sentinels, ends, at);
    } else {
        write_runs(CopyAvx512<4>{}, CopyAvx512<2>{}, tokens, tokens_end, runs, sentinels, ends, at);
    }
}

#endif

template <typename Token, typename Id>
void write_runs_by(Instructions instructions, const Token* tokens, const Token* tokens_end,
                   const NoiseRuns& runs, const std::uint32_t* sentinels, const PairItems<Id>& ends,
                   PairItems<Id>& at) {
#if PYPACK_X86_DISPATCH
    if constexpr (std::is_same_v<Token, std::uint16_t> || std::is_same_v<Token, std::int32_t>) {
        if (instructions == Instructions::kAvx512) {
            return write_runs_avx512(tokens, tokens_end, runs, sentinels, ends, at);
        }
    }
#else
    (void)instructions;
#endif
    write_runs(CopyPortable{}, CopyPortable{}, tokens, tokens_end, runs, sentinels, ends, at);
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
        runs.draw(key, span.length, counts, instructions_);
        const Length modes = denoiser.mode_tokens;
        const PairItems<Id> ends{out.inputs + modes + span.length - counts.tokens + counts.runs,
                                 out.targets + counts.tokens + std::max<Length>(counts.runs, 1)};
        write_runs_by(instructions_, tokens, tokens + span.length, runs, sentinels_.data(), ends, at);
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
