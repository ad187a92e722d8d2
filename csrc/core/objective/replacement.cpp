#include "objective/replacement.hpp"

#include <cstddef>

#include "common/random.hpp"
#include "common/simd.hpp"
#include "objective/draws.hpp"

namespace pypack {

namespace {

inline std::uint32_t choose(const Replacement& by, std::uint64_t bits, std::uint32_t token) {
    const std::uint64_t kind = bits & 0xffffffff;
    const auto word = static_cast<std::uint32_t>(((bits >> 32) * by.vocab_size) >> 32);
    const std::uint32_t other = kind < by.word_below ? word : token;
    return kind < by.mask_below ? by.mask_id : other;
}

// Without branches, which what replaces a token would mislead one time in five.
PYPACK_SIMD_CLONES
void replace_all(const Replacement by, std::uint64_t draws, const std::uint32_t* places, std::size_t count,
                 const std::uint32_t* originals, std::uint32_t* tokens) {
    for (std::size_t i = 0; i < count; ++i) {
        tokens[i] = choose(by, combine_keys(draws, places[i]), originals[i]);
    }
}

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

void Replacement::replace(std::uint64_t span_key, std::span<const std::uint32_t> places,
                          const std::uint32_t* originals, std::uint32_t* tokens) const {
    replace_all(*this, draws_for(span_key, Purpose::kReplace), places.data(), places.size(), originals,
                tokens);
}

std::uint32_t Replacement::drawn(std::uint64_t draws, std::uint64_t index, std::uint32_t token) const {
    return choose(*this, combine_keys(draws, index), token);
}

}  // namespace pypack
