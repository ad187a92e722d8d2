#include "schedule/curriculum.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

#include "common/permutation.hpp"
#include "common/random.hpp"

namespace pypack {

namespace {

using Counts = std::vector<std::int64_t>;

void check(std::span<const std::int64_t> steps, std::span<const std::uint64_t> odds, std::int64_t cycles) {
    if (steps.size() != odds.size() || steps.empty() || steps.size() > 255) {
        throw std::invalid_argument("a curriculum needs 1 to 255 buckets, with odds for each");
    }
    if (cycles < 1) throw std::invalid_argument("cycles must be at least 1, got " + std::to_string(cycles));
    for (const std::int64_t n : steps) {
        if (n < 0) throw std::invalid_argument("a bucket has a negative number of steps");
    }
    for (const std::uint64_t o : odds) {
        // Sums of 255 such odds fit in 64 bits.
        if (o >> 48 != 0) throw std::invalid_argument("odds must be below 2^48");
    }
}

// The steps of each bucket in one cycle: cumulative rounding, so that the cycles add up.
Counts share_of_cycle(std::span<const std::int64_t> steps, std::int64_t cycle, std::int64_t cycles) {
    Counts share;
    for (const std::int64_t n : steps) {
        const auto upto = [&](std::int64_t c) {
            return static_cast<std::int64_t>(static_cast<__int128>(n) * c / cycles);
        };
        share.push_back(upto(cycle + 1) - upto(cycle));
    }
    return share;
}

// A number below `limit` from 64 random bits.
std::uint64_t below(std::uint64_t limit, std::uint64_t bits) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(bits) * limit) >> 64);
}

// n in parts proportional to the weights, by largest remainder; ties go to the earlier part.
Counts largest_remainder(std::int64_t n, std::span<const std::uint64_t> weights) {
    using Wide = unsigned __int128;
    const Wide total = std::accumulate(weights.begin(), weights.end(), Wide{0});
    Counts parts;
    std::vector<std::pair<Wide, std::size_t>> remainders;
    std::int64_t rest = n;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const Wide exact = static_cast<Wide>(n) * weights[i];
        parts.push_back(static_cast<std::int64_t>(exact / total));
        rest -= parts.back();
        remainders.emplace_back(exact % total, i);
    }
    std::stable_sort(remainders.begin(), remainders.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    for (std::size_t i = 0; i < static_cast<std::size_t>(rest); ++i) ++parts[remainders[i].second];
    return parts;
}

}  // namespace

std::vector<std::uint8_t> sample_cycles(std::span<const std::int64_t> steps,
                                        std::span<const std::uint64_t> odds, std::int64_t cycles,
                                        std::uint64_t key) {
    check(steps, odds, cycles);
    const bool by_rest = std::all_of(odds.begin(), odds.end(), [](std::uint64_t o) { return o == 0; });
    std::vector<std::uint8_t> out;
    for (std::int64_t cycle = 0; cycle < cycles; ++cycle) {
        Counts rest = share_of_cycle(steps, cycle, cycles);
        for (std::int64_t left = std::accumulate(rest.begin(), rest.end(), std::int64_t{0}); left > 0;
             --left) {
            const auto odds_of = [&](std::size_t b) {
                if (by_rest) return static_cast<std::uint64_t>(rest[b]);
                return rest[b] > 0 ? std::max<std::uint64_t>(odds[b], 1) : 0;
            };
            std::uint64_t total = 0;
            for (std::size_t b = 0; b < rest.size(); ++b) total += odds_of(b);
            std::uint64_t drawn = below(total, combine_keys(key, out.size()));
            std::size_t bucket = 0;
            while (drawn >= odds_of(bucket)) drawn -= odds_of(bucket++);
            --rest[bucket];
            out.push_back(static_cast<std::uint8_t>(bucket));
        }
    }
    return out;
}

std::vector<std::uint8_t> subcycle_cycles(std::span<const std::int64_t> steps,
                                          std::span<const std::uint64_t> odds, std::int64_t cycles,
                                          std::uint64_t key) {
    check(steps, odds, cycles);
    const std::size_t n = steps.size();
    if (std::any_of(odds.begin(), odds.end(), [](std::uint64_t o) { return o == 0; })) {
        throw std::invalid_argument("the odds of sub-cycles must be positive");
    }
    std::vector<std::uint8_t> out;
    for (std::int64_t cycle = 0; cycle < cycles; ++cycle) {
        const Counts share = share_of_cycle(steps, cycle, cycles);
        std::vector<Counts> parts;  // [bucket][sub-cycle]
        for (std::size_t b = 0; b < n; ++b) {
            std::vector<std::uint64_t> weights(n);
            std::size_t rank = 0;
            for (std::size_t s = b + 1; s-- > 0;) weights[s] = odds[rank++];
            for (std::size_t s = b + 1; s < n; ++s) weights[s] = odds[rank++];
            parts.push_back(largest_remainder(share[b], weights));
        }
        for (std::size_t s = 0; s < n; ++s) {
            std::vector<std::uint8_t> content;
            for (std::size_t b = 0; b < n; ++b) {
                content.insert(content.end(), static_cast<std::size_t>(parts[b][s]),
                               static_cast<std::uint8_t>(b));
            }
            if (content.empty()) continue;
            const Permutation order(content.size(),
                                    combine_keys(key, static_cast<std::uint64_t>(cycle) * n + s));
            for (std::size_t i = 0; i < content.size(); ++i) out.push_back(content[order(i)]);
        }
    }
    return out;
}

BucketSequence::BucketSequence(std::vector<std::uint8_t> buckets, std::int64_t num_buckets)
    : buckets_(std::move(buckets)), num_buckets_(num_buckets) {
    Counts counts(static_cast<std::size_t>(num_buckets));
    for (std::size_t step = 0; step < buckets_.size(); ++step) {
        if (buckets_[step] >= num_buckets)
            throw std::invalid_argument("a step has a bucket that does not exist");
        if (step % kStride == 0) before_.insert(before_.end(), counts.begin(), counts.end());
        ++counts[buckets_[step]];
    }
    if (buckets_.size() % kStride == 0) before_.insert(before_.end(), counts.begin(), counts.end());
}

std::int64_t BucketSequence::bucket(std::int64_t step) const {
    if (step < 0 || step >= size()) {
        throw std::out_of_range("step " + std::to_string(step) + " of " + std::to_string(size()));
    }
    return buckets_[static_cast<std::size_t>(step)];
}

std::int64_t BucketSequence::visits(std::int64_t step, std::int64_t bucket) const {
    if (step < 0 || step > size() || bucket < 0 || bucket >= num_buckets_) {
        throw std::out_of_range("step " + std::to_string(step) + ", bucket " + std::to_string(bucket));
    }
    const std::int64_t from = step / kStride * kStride;
    const auto begin = buckets_.begin();
    return before_[static_cast<std::size_t>(step / kStride * num_buckets_ + bucket)] +
           std::count(begin + from, begin + step, static_cast<std::uint8_t>(bucket));
}

}  // namespace pypack
