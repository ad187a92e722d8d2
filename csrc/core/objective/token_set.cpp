#include "objective/token_set.hpp"

#include "common/simd.hpp"

namespace pypack {

namespace {

#if PYPACK_X86_DISPATCH

PYPACK_TARGET_AVX512 inline __m512i load(const std::int64_t* ids, __mmask8 lanes) {
    return _mm512_maskz_loadu_epi64(lanes, ids);
}
PYPACK_TARGET_AVX512 inline __m512i load(const std::int32_t* ids, __mmask8 lanes) {
    return _mm512_maskz_cvtepi32_epi64(0xff, _mm256_maskz_loadu_epi32(lanes, ids));
}

// Eight ids at a time: their words are gathered, and shifted to their bits.
template <typename Id>
PYPACK_TARGET_AVX512 std::uint64_t contained_avx512(const Id* ids, std::int64_t count,
                                                    std::span<const std::uint64_t> bits,
                                                    std::uint64_t first) {
    const __m512i base = _mm512_set1_epi64(static_cast<long long>(first));
    const __m512i size = _mm512_set1_epi64(static_cast<long long>(bits.size()));
    std::uint64_t found = 0;
    for (std::int64_t i = 0; i < count; i += 8) {
        const auto lanes = static_cast<__mmask8>(count - i >= 8 ? 0xff : (1 << (count - i)) - 1);
        const __m512i number = _mm512_sub_epi64(load(ids + i, lanes), base);
        const __m512i word = _mm512_maskz_srli_epi64(0xff, number, 6);
        const __mmask8 inside = _mm512_mask_cmplt_epu64_mask(lanes, word, size);
        if (inside == 0) continue;
        const __m512i gathered =
            _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), inside, word, bits.data(), 8);
        const __m512i shift = _mm512_and_si512(number, _mm512_set1_epi64(63));
        const __mmask8 set =
            _mm512_test_epi64_mask(_mm512_maskz_srlv_epi64(0xff, gathered, shift), _mm512_set1_epi64(1));
        found |= static_cast<std::uint64_t>(set) << i;
    }
    return found;
}

// Bits of 64 bytes.
PYPACK_TARGET_AVX512 void split_avx512(const std::uint8_t* flags, std::uint64_t& one, std::uint64_t& other) {
    const __m512i bytes = _mm512_loadu_si512(flags);
    one = _mm512_test_epi8_mask(bytes, _mm512_set1_epi8(1));
    other = _mm512_test_epi8_mask(bytes, _mm512_set1_epi8(2));
}

#endif

}  // namespace

TokenPair::TokenPair(const TokenSet& one, const TokenSet& other) {
    const auto end = [](const TokenSet& set) { return set.size() == 0 ? 0 : set.first() + set.size(); };
    flags_.resize(std::max(end(one), end(other)) + 1);
    for (std::uint64_t id = 0; id < flags_.size(); ++id) {
        flags_[id] = static_cast<std::uint8_t>((one.contains(id) ? 1U : 0U) | (other.contains(id) ? 2U : 0U));
    }
}

template <typename Id>
void TokenPair::contained(const Id* ids, std::int64_t count, Instructions instructions, std::uint64_t& one,
                          std::uint64_t& other) const {
    std::uint8_t flags[64]{};
    const std::uint64_t last = flags_.size() - 1;
    for (std::int64_t i = 0; i < count; ++i) {
        flags[i] = flags_[std::min(static_cast<std::uint64_t>(ids[i]), last)];
    }
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) return split_avx512(flags, one, other);
#endif
    (void)instructions;
    for (std::int64_t i = 0; i < count; ++i) {
        one |= static_cast<std::uint64_t>(flags[i] & 1U) << i;
        other |= static_cast<std::uint64_t>(flags[i] >> 1U & 1U) << i;
    }
}

template void TokenPair::contained(const std::int64_t*, std::int64_t, Instructions, std::uint64_t&,
                                   std::uint64_t&) const;
template void TokenPair::contained(const std::int32_t*, std::int64_t, Instructions, std::uint64_t&,
                                   std::uint64_t&) const;

// Ids that few of a text are among, whatever the vocabulary.
constexpr std::uint64_t kFew = 1024;

TokenSet::Range TokenSet::range(std::uint64_t vocab_size) const {
    if (bits_.empty()) return {0, 0};
    std::uint64_t least = 0;
    while (!contains(first_ + least)) ++least;
    std::uint64_t before = least;
    std::uint64_t gap = least;  // the widest: behind it is no id up to the next one
    std::uint64_t next = least;
    for (std::uint64_t n = least; n < size(); ++n) {
        if (!contains(first_ + n)) continue;
        if (n - before > next - gap) {
            gap = before;
            next = n;
        }
        before = n;
    }
    const std::uint64_t inside = before - least + 1;
    const std::uint64_t outside = first_ + gap + 1 + std::max(vocab_size, first_ + next) - (first_ + next);
    if (inside <= kFew || inside <= outside) return {first_ + least, inside};
    return {first_ + next, gap + 1 - next};
}

template <typename Id>
std::uint64_t TokenSet::contained(const Id* ids, std::int64_t count, Instructions instructions) const {
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) return contained_avx512(ids, count, bits_, first_);
#else
    (void)instructions;
#endif
    std::uint64_t found = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        found |= static_cast<std::uint64_t>(contains(ids[i])) << i;
    }
    return found;
}

template std::uint64_t TokenSet::contained(const std::int64_t*, std::int64_t, Instructions) const;
template std::uint64_t TokenSet::contained(const std::int32_t*, std::int64_t, Instructions) const;

}  // namespace pypack
