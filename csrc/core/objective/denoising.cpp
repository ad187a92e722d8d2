#include "objective/denoising.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "common/simd.hpp"

namespace pypack {

namespace {

constexpr std::size_t kSlack = 16;  // sentinels that are read behind the last one

// Kept runs and sentinels to the inputs, sentinels and what is left out to the targets.
template <typename Token, typename Id>
void write_runs_plainly(const Token* tokens, const NoiseRuns& runs, const std::uint32_t* sentinels,
                        PairItems<Id>& at) {
    const auto copy = [&tokens](Length count, Id*& out) {
        for (Length i = 0; i < count; ++i) out[i] = static_cast<Id>(tokens[i]);
        tokens += count;
        out += count;
    };
    const auto kept = runs.kept();
    const auto noise = runs.noise();
    for (std::size_t i = 0; i < noise.size(); ++i) {
        copy(kept[i], at.inputs);
        *at.inputs++ = static_cast<Id>(sentinels[i]);
        *at.targets++ = static_cast<Id>(sentinels[i]);
        copy(noise[i], at.targets);
    }
}

#if PYPACK_X86_DISPATCH

PYPACK_TARGET_AVX512 PYPACK_INLINE __m512i sixteen(const std::uint16_t* tokens, __mmask16 lanes) {
    return _mm512_maskz_cvtepu16_epi32(0xffff, _mm256_maskz_loadu_epi16(lanes, tokens));
}
PYPACK_TARGET_AVX512 PYPACK_INLINE __m512i sixteen(const std::int32_t* tokens, __mmask16 lanes) {
    return _mm512_maskz_loadu_epi32(lanes, tokens);
}

PYPACK_TARGET_AVX512 PYPACK_INLINE void store_sixteen(std::int64_t* out, __m512i values) {
    const __m256i low = _mm512_maskz_extracti64x4_epi64(0xf, values, 0);
    const __m256i high = _mm512_maskz_extracti64x4_epi64(0xf, values, 1);
    _mm512_storeu_si512(out, _mm512_maskz_cvtepu32_epi64(0xff, low));
    _mm512_storeu_si512(out + 8, _mm512_maskz_cvtepu32_epi64(0xff, high));
}
PYPACK_TARGET_AVX512 PYPACK_INLINE void store_sixteen(std::int32_t* out, __m512i values) {
    _mm512_storeu_si512(out, values);
}

// One side, sixteen tokens at a time: sentinels take the places of the tokens whose bits are 1 in `marked`,
// and those in `taken` are written, end to end, up to `end`.
template <typename Id>
struct SideWriter {
    Id* out;
    Id* end;
    const std::uint32_t* sentinels;

    PYPACK_TARGET_AVX512 PYPACK_INLINE void write(__m512i tokens, __mmask16 marked, __mmask16 taken) {
        __m512i some = _mm512_loadu_si512(sentinels);
        __asm__("" : "+v"(some));  // (to expand what lies in memory is slow)
        const __m512i all = _mm512_mask_expand_epi32(tokens, marked, some);
        const __m512i found = _mm512_maskz_compress_epi32(taken, all);
        const auto count = std::popcount(static_cast<unsigned>(taken));
        if (end - out >= 16) [[likely]] {
            store_sixteen(out, found);  // what is behind those taken is written again
        } else {
            alignas(64) std::uint32_t items[16];
            _mm512_store_si512(items, found);
            for (int i = 0; i < count; ++i) out[i] = static_cast<Id>(items[i]);
        }
        out += count;
        sentinels += std::popcount(static_cast<unsigned>(marked));
    }
};

// Bit i becomes the sum modulo 2 of the bits up to it.
PYPACK_INLINE std::uint64_t running_parity(std::uint64_t bits) {
    for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
    return bits;
}

// Runs are short, and of any length: a loop over each would be guessed wrongly about every time. So all
// tokens are gone through in step: inputs have the first token of each run of noise as its sentinel, targets
// the last one before it.
template <typename Token, typename Id>
PYPACK_TARGET_AVX512 void write_runs_avx512(const Token* tokens, Length length, const NoiseRuns& runs,
                                            const std::uint32_t* sentinels, NoiseCounts counts,
                                            PairItems<Id>& at) {
    const std::uint8_t* const marks = runs.marks();
    const auto marked = [marks](Length i, int by) PYPACK_TARGET_AVX512 {
        return static_cast<std::uint64_t>(
            _mm512_test_epi8_mask(_mm512_loadu_si512(marks + i), _mm512_set1_epi8(static_cast<char>(by))));
    };
    SideWriter<Id> inputs{at.inputs, at.inputs + length - counts.tokens + counts.runs, sentinels};
    SideWriter<Id> targets{at.targets, at.targets + counts.tokens + counts.runs, sentinels};
    std::uint64_t inside = 0;  // all ones where the last token was noise
    std::uint64_t first = marked(0, 1);
    for (Length i = 0; i < length; i += 64) {
        const Length count = std::min<Length>(64, length - i);
        const std::uint64_t there = count < 64 ? (std::uint64_t{1} << count) - 1 : ~std::uint64_t{0};
        const std::uint64_t next = i + 64 < length ? marked(i + 64, 1) : 0;
        const std::uint64_t noise = running_parity(first | marked(i, 2)) ^ inside;
        const std::uint64_t last = first >> 1 | next << 63;
        const std::uint64_t kept = (~noise | first) & there;
        const std::uint64_t left = (noise | last) & there;
        for (Length j = 0; j < count; j += 16) {
            const __m512i values = sixteen(tokens + i + j, static_cast<__mmask16>(there >> j));
            inputs.write(values, static_cast<__mmask16>(first >> j), static_cast<__mmask16>(kept >> j));
            targets.write(values, static_cast<__mmask16>(last >> j), static_cast<__mmask16>(left >> j));
        }
        inside = noise >> 63 != 0 ? ~std::uint64_t{0} : 0;
        first = next;
    }
    at = {inputs.out, targets.out};
}

#endif

template <typename Token, typename Id>
void write_runs(Instructions instructions, const Token* tokens, Length length, const NoiseRuns& runs,
                const std::uint32_t* sentinels, NoiseCounts counts, PairItems<Id>& at) {
    if (runs.noise().empty()) {
        at.inputs = std::copy_n(tokens, length, at.inputs);
        *at.targets++ = static_cast<Id>(sentinels[0]);
        return;
    }
#if PYPACK_X86_DISPATCH
    if constexpr (std::is_same_v<Token, std::uint16_t> || std::is_same_v<Token, std::int32_t>) {
        if (instructions == Instructions::kAvx512) {
            return write_runs_avx512(tokens, length, runs, sentinels, counts, at);
        }
    }
#endif
    (void)instructions, (void)counts;
    write_runs_plainly(tokens, runs, sentinels, at);
}

}  // namespace

Denoising::Denoising(PairSizes sizes, std::vector<std::uint32_t> sentinels,
                     std::vector<std::vector<std::uint32_t>> modes, std::uint32_t end, std::uint32_t start,
                     Instructions instructions)
    : sizes_(std::move(sizes)),
      num_sentinels_(static_cast<Length>(sentinels.size())),
      sentinels_(std::move(sentinels)),
      modes_(std::move(modes)),
      end_(end),
      start_(start),
      instructions_(instructions) {
    bool agree = modes_.size() == sizes_.denoisers().size();
    for (std::size_t i = 0; agree && i < modes_.size(); ++i) {
        agree = static_cast<Length>(modes_[i].size()) == sizes_.denoisers()[i].mode_tokens;
        if (sizes_.denoisers()[i].kind == Denoiser::Kind::spans && num_sentinels_ == 0) {
            throw std::invalid_argument("there is no sentinel for runs that are left out");
        }
    }
    sentinels_.resize(sentinels_.size() + kSlack);
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
        if (counts.runs > num_sentinels_) {
            throw std::invalid_argument(
                "document " + std::to_string(span.document) + " has " + std::to_string(counts.runs) +
                " runs that are left out of " + std::to_string(span.length) + " tokens, and there are " +
                std::to_string(num_sentinels_) + " sentinels: give more, or pack with shorter inputs");
        }
        runs.draw(key, span.length, counts, instructions_);
        write_runs(instructions_, tokens, span.length, runs, sentinels_.data(), counts, at);
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
