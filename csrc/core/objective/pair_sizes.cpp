#include "objective/pair_sizes.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/random.hpp"
#include "objective/draws.hpp"

namespace pypack {

namespace {

std::uint64_t piece_key(std::uint64_t seed, std::int64_t document, Length start) {
    return random_bits(seed, static_cast<std::uint64_t>(document), static_cast<std::uint64_t>(start));
}

// T5's random_spans_helper: the most tokens whose inputs have `room`, by its own arithmetic in doubles.
Length t5_tokens(const Denoiser& denoiser, bool ends, Length room) {
    const auto lengths = [&](std::int64_t tokens) {
        const double noise = std::nearbyint(static_cast<double>(tokens) * denoiser.rate);
        const double runs = std::nearbyint(noise / denoiser.mean);
        const double end = ends ? 1 : 0;
        return std::pair{static_cast<double>(tokens) - noise + runs + end, noise + runs + end};
    };
    std::int64_t tokens = room;
    while (tokens < PairSizes::kMostTokens && lengths(tokens + 1).first <= room) ++tokens;
    const auto [inputs, targets] = lengths(tokens);
    if (denoiser.rate == 0.5 && targets > inputs) --tokens;  // so that both sides are equally long
    return static_cast<Length>(tokens);
}

}  // namespace

Length least_prefix(double rate, Length length) {
    const auto least = static_cast<Length>(
        std::nearbyint(static_cast<float>(1 - 2 * rate) * static_cast<float>(length - 1)));
    return std::min(length - 1, std::max<Length>(1, least));
}

NoiseCounts noise_counts(double rate, double mean, Length length) {
    if (length < 2) return {0, 0};
    const auto round = [](float value) { return static_cast<Length>(std::nearbyint(value)); };
    const Length tokens =
        std::clamp<Length>(round(static_cast<float>(length) * static_cast<float>(rate)), 1, length - 1);
    const Length runs = round(static_cast<float>(tokens) / static_cast<float>(mean));
    return {tokens, std::clamp<Length>(runs, 1, std::min(tokens, length - tokens))};
}

PairSizes::PairSizes(std::vector<Denoiser> denoisers, bool ends, std::uint64_t seed)
    : denoisers_(std::move(denoisers)), ends_(ends), seed_(seed) {
    const auto refuse = [](const std::string& what) { throw std::invalid_argument(what); };
    if (denoisers_.empty()) refuse("there is no denoiser");
    std::uint64_t before = 0;
    for (const Denoiser& one : denoisers_) {
        const double most = one.kind == Denoiser::Kind::prefix ? 0.5 : 1;
        if (!(one.rate > 0 && one.rate <= most))
            refuse("a rate must be above 0 and at most " + std::to_string(most));
        if (one.kind == Denoiser::Kind::spans && !(one.mean >= 1 && one.mean <= kMostTokens)) {
            refuse("a mean length of runs must be at least 1");
        }
        if (one.mode_tokens < 0 || one.mode_tokens > 1024) refuse("there are at most 1024 mode tokens");
        if (one.below < before) refuse("chances must rise");
        before = one.below;
    }
    if (before != std::uint64_t{1} << 32) refuse("chances must end with 2^32");
}

std::size_t PairSizes::denoiser_of(std::int64_t document, Length start) const {
    if (denoisers_.size() == 1) return 0;
    const std::uint64_t draws = draws_for(piece_key(seed_, document, start), Purpose::kDenoiser);
    const std::uint64_t kind = combine_keys(draws, 0) & 0xffffffff;
    std::size_t chosen = 0;
    while (kind >= denoisers_[chosen].below) ++chosen;
    return chosen;
}

Length PairSizes::prefix_of(const Denoiser& denoiser, std::int64_t document, Length start,
                            Length length) const {
    const Length least = least_prefix(denoiser.rate, length);
    const std::uint64_t draws = draws_for(piece_key(seed_, document, start), Purpose::kPrefix);
    return least + static_cast<Length>(
                       below(combine_keys(draws, 0), static_cast<std::uint64_t>(length - 1 - least) + 1));
}

PairLengths PairSizes::of(std::int64_t document, Length start, Length length) const {
    const Denoiser& denoiser = denoisers_[denoiser_of(document, start)];
    if (denoiser.kind == Denoiser::Kind::spans) return most(denoiser, length);
    const Length prefix = prefix_of(denoiser, document, start, length);
    const Length end = ends_ ? 1 : 0;
    return {prefix + denoiser.mode_tokens + end, length - prefix + end};
}

PairLengths PairSizes::most(const Denoiser& denoiser, Length length) const {
    const Length end = ends_ ? 1 : 0;
    if (denoiser.kind == Denoiser::Kind::prefix) {
        return {length - 1 + denoiser.mode_tokens + end, length - least_prefix(denoiser.rate, length) + end};
    }
    const NoiseCounts noise = noise_counts(denoiser.rate, denoiser.mean, length);
    // The targets begin with a sentinel for the tokens that are kept, also where none is left out.
    return {length - noise.tokens + noise.runs + denoiser.mode_tokens + end,
            noise.tokens + std::max<Length>(noise.runs, 1) + end};
}

Length PairSizes::longest(const Denoiser& denoiser, PairLengths rooms, Length most_runs) const {
    const Length end = ends_ ? 1 : 0;
    const Length room = rooms.inputs - denoiser.mode_tokens;
    if (room < 1) return 0;
    Length tokens = denoiser.kind == Denoiser::Kind::spans ? t5_tokens(denoiser, ends_, room) : room - end;
    const auto fits = [&](Length length) {
        const PairLengths found = most(denoiser, length);
        const bool has_sentinels = denoiser.kind != Denoiser::Kind::spans ||
                                   noise_counts(denoiser.rate, denoiser.mean, length).runs <= most_runs;
        return found.inputs <= rooms.inputs && found.targets <= rooms.targets && has_sentinels;
    };
    while (tokens > 0 && !fits(tokens)) --tokens;  // both sides and the runs grow with the tokens
    return std::max<Length>(tokens, 0);
}

}  // namespace pypack
