#include "objective/token_set.hpp"

#include <algorithm>

namespace pypack {

TokenFlags::TokenFlags(const TokenSet& set) {
    const std::uint64_t end = set.size() == 0 ? 0 : set.first() + set.size();
    flags_.resize(std::max<std::uint64_t>(end, 1U << 16) + 1);
    for (std::uint64_t id = set.first(); id < end; ++id) flags_[id] = set.contains(id) ? 1 : 0;
}

template <typename Token>
std::uint64_t TokenFlags::contained(const Token* tokens, std::int64_t count) const {
    const std::uint8_t* const flags = flags_.data();
    const std::uint64_t last = flags_.size() - 1;
    const auto flag = [flags, last](Token token) -> std::uint64_t {
        const auto id = static_cast<std::uint64_t>(token);
        return flags[sizeof(Token) == 2 ? id : std::min(id, last)];
    };
    if (count < 64) {
        std::uint64_t found = 0;
        for (std::int64_t i = 0; i < count; ++i) found |= flag(tokens[i]) << i;
        return found;
    }
    // Four sums side by side, as each waits for itself.
    std::uint64_t sums[4]{};
#pragma GCC unroll 16
    for (int i = 15; i >= 0; --i) {
#pragma GCC unroll 4
        for (int part = 0; part < 4; ++part) sums[part] = 2 * sums[part] + flag(tokens[16 * part + i]);
    }
    return sums[0] | sums[1] << 16 | sums[2] << 32 | sums[3] << 48;
}

template std::uint64_t TokenFlags::contained(const std::uint16_t*, std::int64_t) const;
template std::uint64_t TokenFlags::contained(const std::int32_t*, std::int64_t) const;
template std::uint64_t TokenFlags::contained(const std::int64_t*, std::int64_t) const;

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

}  // namespace pypack
