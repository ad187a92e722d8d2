#include "objective/drawn_places.hpp"

#include <bit>
#include <utility>

#include "common/feistel_vectors.hpp"
#include "common/random.hpp"
#include "common/simd.hpp"
#include "common/types.hpp"
#include "objective/draws.hpp"

namespace pypack {

namespace {

constexpr std::size_t kSlack = 8;  // items that are written behind the last one

// What places are tried of, and where those go that may be chosen.
template <typename Id>
struct Tries {
    std::uint64_t draws;
    std::int64_t length;
    const Id* ids;
    const Id* labels;  // null: all may be learned
    const NeverChosen& never;
    std::uint32_t* places;
    std::uint32_t* originals;

    [[nodiscard]] bool may(std::uint64_t place) const {
        if (labels != nullptr && labels[place] == static_cast<Id>(kIgnoreLabel)) return false;
        return !never.tokens.contains(ids[place]);
    }
};

// Tries first .. last; `found` are there. Returns how many are there then, at most `count`.
template <typename Id>
std::size_t try_plainly(const Tries<Id>& from, std::uint64_t first, std::uint64_t last, std::size_t found,
                        std::size_t count) {
    for (std::uint64_t index = first; index < last && found < count; ++index) {
        const std::uint64_t place =
            below(combine_keys(from.draws, index), static_cast<std::uint64_t>(from.length));
        from.places[found] = static_cast<std::uint32_t>(place);
        from.originals[found] = static_cast<std::uint32_t>(from.ids[place]);
        found += from.may(place) ? 1 : 0;
    }
    return found;
}

#if PYPACK_X86_DISPATCH

// The lower 32 bits of items.
template <typename Id>
PYPACK_TARGET_AVX512 inline __m256i gather(const Id* items, __m256i places) {
    return _mm256_mmask_i32gather_epi32(_mm256_setzero_si256(), 0xff, places, items, sizeof(Id));
}

// Those of eight values whose bit is 1, side by side; mostly that is all of them.
PYPACK_TARGET_AVX512 inline void put(std::uint32_t* out, __mmask8 bits, __m256i values) {
    if (bits != 0xff) [[unlikely]]
        values = _mm256_maskz_compress_epi32(bits, values);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), values);
}

// The draws first .. first + 7.
PYPACK_TARGET_AVX512 inline __m512i eight_draws(std::uint64_t draws, std::uint64_t first) {
    constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;
    const __m512i up = _mm512_set_epi64(8, 7, 6, 5, 4, 3, 2, 1);
    const __m512i steps = _mm512_mullo_epi64(up, _mm512_set1_epi64(static_cast<long long>(kGolden)));
    return mix64_lanes(
        _mm512_add_epi64(_mm512_set1_epi64(static_cast<long long>(draws + kGolden * first)), steps));
}

// As `below` has it, for limits of 32 bits.
PYPACK_TARGET_AVX512 inline __m512i below_lanes(__m512i bits, __m512i limit) {
    const __m512i low = _mm512_maskz_srli_epi64(0xff, _mm512_maskz_mul_epu32(0xff, bits, limit), 32);
    const __m512i high = _mm512_maskz_mul_epu32(0xff, _mm512_maskz_srli_epi64(0xff, bits, 32), limit);
    return _mm512_maskz_srli_epi64(0xff, _mm512_add_epi64(high, low), 32);
}

template <typename Id>
PYPACK_TARGET_AVX512 std::size_t try_avx512(const Tries<Id>& from, std::uint64_t last, std::size_t count) {
    const __m512i length = _mm512_set1_epi64(from.length);
    // (In arithmetic of 32 bits the range is the same: see TokenSet::Range.)
    const __m256i begin = _mm256_set1_epi32(static_cast<int>(from.never.near.begin));
    const __m256i size = _mm256_set1_epi32(static_cast<int>(from.never.near.size));
    const __m256i none = _mm256_set1_epi32(static_cast<int>(kIgnoreLabel));
    std::size_t found = 0;
    for (std::uint64_t index = 0; index < last && found < count; index += 8) {
        const __m512i wide = below_lanes(eight_draws(from.draws, index), length);
        const __m256i places = _mm512_maskz_cvtepi64_epi32(0xff, wide);
        const __m256i ids = gather(from.ids, places);
        auto may = static_cast<__mmask8>(last - index >= 8 ? 0xff : (1U << (last - index)) - 1);
        if (from.labels != nullptr) {
            may = _mm256_mask_cmpneq_epi32_mask(may, gather(from.labels, places), none);
        }
        __mmask8 near = _mm256_mask_cmplt_epu32_mask(may, _mm256_sub_epi32(ids, begin), size);
        alignas(32) std::uint32_t at[8];
        if (near != 0) [[unlikely]] {
            _mm256_store_si256(reinterpret_cast<__m256i*>(at), ids);
            for (; near != 0; near = static_cast<__mmask8>(near & (near - 1))) {
                const int lane = std::countr_zero(static_cast<unsigned>(near));
                if (from.never.tokens.contains(at[lane])) may = static_cast<__mmask8>(may & ~(1U << lane));
            }
        }
        put(from.places + found, may, places);
        put(from.originals + found, may, ids);
        found += static_cast<std::size_t>(std::popcount(static_cast<unsigned>(may)));
    }
    return found < count ? found : count;
}

PYPACK_TARGET_AVX512 inline __m512i all(std::uint64_t value) {
    return _mm512_set1_epi64(static_cast<long long>(value));
}

// `words`: some become any of the vocabulary.
template <bool words>
PYPACK_TARGET_AVX512 std::size_t replace_avx512(const Replacement& by, std::uint64_t draws, std::size_t count,
                                                const std::uint32_t* places, const std::uint32_t* originals,
                                                std::uint32_t* changed, std::uint32_t* tokens) {
    std::size_t found = 0;
    const __m512i mask_below = all(by.mask_below);
    const __m512i word_below = all(by.word_below);
    const __m256i mask_id = _mm256_set1_epi32(static_cast<int>(by.mask_id));
    for (std::size_t i = 0; i < count; i += 8) {
        const __m512i bits = eight_draws(draws, i);
        const __m512i kind = _mm512_and_si512(bits, all(0xffffffff));
        const __m256i before = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(originals + i));
        __m256i after = before;
        if constexpr (words) {
            const __m512i high = _mm512_maskz_srli_epi64(0xff, bits, 32);
            const __m512i word =
                _mm512_maskz_srli_epi64(0xff, _mm512_maskz_mul_epu32(0xff, high, all(by.vocab_size)), 32);
            after = _mm256_mask_mov_epi32(after, _mm512_cmplt_epu64_mask(kind, word_below),
                                          _mm512_maskz_cvtepi64_epi32(0xff, word));
        }
        after = _mm256_mask_mov_epi32(after, _mm512_cmplt_epu64_mask(kind, mask_below), mask_id);
        const auto lanes = static_cast<__mmask8>(count - i >= 8 ? 0xff : (1U << (count - i)) - 1);
        const __mmask8 differ = _mm256_mask_cmpneq_epi32_mask(lanes, before, after);
        const __m256i at = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(places + i));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(changed + found),
                            _mm256_maskz_compress_epi32(differ, at));
        // Where only the mask replaces tokens, any eight of what they become are alike.
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(tokens + found),
                            words ? _mm256_maskz_compress_epi32(differ, after) : mask_id);
        found += static_cast<std::size_t>(std::popcount(static_cast<unsigned>(differ)));
    }
    return found;
}

#endif

}  // namespace

void DrawnPlaces::make_room(std::size_t count) {
    if (places_.size() >= count + kSlack) return;
    for (auto* items : {&places_, &originals_, &changed_, &tokens_}) items->resize(count + kSlack);
}

template <typename Id>
void DrawnPlaces::draw(std::uint64_t span_key, std::int64_t count, std::int64_t length, const Id* ids,
                       const Id* labels, const NeverChosen& never, Instructions instructions) {
    const auto wanted = static_cast<std::size_t>(count);
    make_room(wanted);
    const std::uint64_t draws = draws_for(span_key, Purpose::kPlace);
    const Tries<Id> from{draws, length, ids, labels, never, places_.data(), originals_.data()};
    const std::uint64_t tries = 4 * static_cast<std::uint64_t>(count) + 64;
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) {
        found_ = try_avx512(from, tries, wanted);
    } else
#endif
        found_ = try_plainly(from, 0, tries, 0, wanted);
    (void)instructions;
    if (found_ == wanted) return;
    candidates_.clear();
    for (std::int64_t place = 0; place < length; ++place) {
        if (from.may(static_cast<std::uint64_t>(place)))
            candidates_.push_back(static_cast<std::uint32_t>(place));
    }
    if (candidates_.empty()) return;
    for (std::uint64_t index = tries; found_ < wanted; ++index, ++found_) {
        const std::uint64_t bits = combine_keys(draws, index);
        places_[found_] = candidates_[below(bits, candidates_.size())];
        originals_[found_] = static_cast<std::uint32_t>(ids[places_[found_]]);
    }
}

void DrawnPlaces::replace(std::uint64_t span_key, const Replacement& by, Instructions instructions) {
#if PYPACK_X86_DISPATCH
    if (instructions == Instructions::kAvx512) {
        const auto replace = by.word_below > by.mask_below ? replace_avx512<true> : replace_avx512<false>;
        num_changed_ = replace(by, draws_for(span_key, Purpose::kReplace), found_, places_.data(),
                               originals_.data(), changed_.data(), tokens_.data());
        return;
    }
#endif
    (void)instructions;
    by.replace_in_order(span_key, 0, {originals_.data(), found_}, tokens_.data());
    num_changed_ = 0;
    for (std::size_t i = 0; i < found_; ++i) {
        changed_[num_changed_] = places_[i];
        tokens_[num_changed_] = tokens_[i];
        num_changed_ += tokens_[i] != originals_[i] ? 1 : 0;
    }
}

template void DrawnPlaces::draw(std::uint64_t, std::int64_t, std::int64_t, const std::int64_t*,
                                const std::int64_t*, const NeverChosen&, Instructions);
template void DrawnPlaces::draw(std::uint64_t, std::int64_t, std::int64_t, const std::int32_t*,
                                const std::int32_t*, const NeverChosen&, Instructions);

}  // namespace pypack
