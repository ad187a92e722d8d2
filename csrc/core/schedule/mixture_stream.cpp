#include "schedule/mixture_stream.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

namespace pypack {

namespace {

// Visits between two places from which counting can go on; a jump counts at most so many.
constexpr std::int64_t kCheckpoint = 1024;
constexpr std::int64_t kShortestBack = 16;                    // visits
constexpr std::int64_t kLongestRamp = std::int64_t{1} << 30;  // its square must fit in the arithmetic

template <typename T>
T floor_divide(T a, T b) {  // b > 0
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

}  // namespace

MixtureStream::MixtureStream(std::int64_t num_sources) : num_sources_(static_cast<std::size_t>(num_sources)) {
    if (num_sources < 1) throw std::invalid_argument("shares need at least one source");
    first_targets_.resize(num_sources_);
    segment_starts_.emplace_back(num_sources_);
}

MixtureStream::MixtureStream(MixtureStream& past, std::int64_t visit)
    : num_sources_(past.num_sources_),
      first_visit_(visit),
      changed_(true),
      segment_starts_{past.drawn(visit)} {
    for (std::size_t i = 0; i < num_sources_; ++i) first_targets_.push_back(past.target_before(i, visit));
}

MixtureStream::MixtureStream(std::vector<std::int64_t> drawn, std::span<const std::int64_t> ahead,
                             std::int64_t visit)
    : num_sources_(drawn.size()), first_visit_(visit), changed_(true) {
    if (drawn.empty() || ahead.size() != drawn.size() || visit < 0) {
        throw std::invalid_argument("shares go on from a visit by a count and a surplus for every source");
    }
    Exact total = 0;
    for (std::size_t i = 0; i < num_sources_; ++i) {
        if (drawn[i] < 0) throw std::invalid_argument("counts must not be negative");
        first_targets_.push_back(Exact{drawn[i]} * kUnits - ahead[i]);
        total += ahead[i];
    }
    // As much has been drawn as was to be, of all sources together.
    if (total != 0) throw std::invalid_argument("what sources are ahead of their targets must add up to 0");
    segment_starts_.push_back(std::move(drawn));
}

void MixtureStream::add_segment(std::int64_t visits, std::int64_t rows, std::span<const std::int64_t> start,
                                std::span<const std::int64_t> end) {
    if (visits < 0 || visits > kEndless || rows < 1 || rows > std::int64_t{1} << 31) {
        throw std::invalid_argument("a segment needs 0 to 2^40 visits of 1 to 2^31 rows");
    }
    if (!std::equal(start.begin(), start.end(), end.begin(), end.end()) && visits > kLongestRamp) {
        throw std::invalid_argument("weights can change over at most 2^30 visits");
    }
    for (const auto weights : {start, end}) {
        if (weights.size() != num_sources_ ||
            std::accumulate(weights.begin(), weights.end(), std::int64_t{0}) != kUnits ||
            std::any_of(weights.begin(), weights.end(), [](std::int64_t w) { return w < 0; })) {
            throw std::invalid_argument("weights must be one a source, none negative, and add up to " +
                                        std::to_string(kUnits));
        }
    }
    Segment segment;
    segment.first = this->visits();
    segment.visits = visits;
    segment.rows = rows;
    segment.start.assign(start.begin(), start.end());
    // Without visits nothing moves.
    segment.end.assign(visits == 0 ? start.begin() : end.begin(), visits == 0 ? start.end() : end.end());
    for (std::size_t i = 0; i < num_sources_; ++i) {
        segment.base.push_back(segments_.empty()
                                   ? first_targets_[i]
                                   : exact_target(segments_.back(), i, segments_.back().visits));
    }
    segment.largest = static_cast<std::size_t>(std::max_element(end.begin(), end.end()) - end.begin());
    segment.period = 0;
    if (segment.start == segment.end) {
        std::int64_t common = kUnits;
        for (const std::int64_t weight : start) common = std::gcd(common, std::gcd(kUnits, rows * weight));
        segment.period = kUnits / common;
    }
    std::int64_t longest_wait = 0;
    for (const std::int64_t weight : start) {
        if (weight > 0) longest_wait = std::max(longest_wait, kUnits / (rows * weight) + 2);
    }
    segment.regular = std::max<std::int64_t>(0, visits - longest_wait);
    segments_.push_back(std::move(segment));
    // What is due when may have changed for all that came before.
    segment_starts_.resize(1);
    for (Segment& one : segments_) {
        one.checkpoints.clear();
        one.period_states.clear();
        one.repeats_from = -1;
    }
}

std::int64_t MixtureStream::visits() const {
    return segments_.empty() ? first_visit_ : segments_.back().first + segments_.back().visits;
}

const MixtureStream::Segment& MixtureStream::segment_of(std::int64_t visit) const {
    const auto after = std::upper_bound(segments_.begin(), segments_.end(), visit,
                                        [](std::int64_t v, const Segment& s) { return v < s.first; });
    return *std::prev(after);
}

const std::vector<std::int64_t>& MixtureStream::start_of(std::size_t segment) {
    for (std::size_t s = segment_starts_.size(); s <= segment; ++s) {
        segment_starts_.push_back(counts_at(s - 1, segments_[s - 1].visits));
    }
    return segment_starts_[segment];
}

// `visit` counts from the first of the segment.
MixtureStream::Exact MixtureStream::exact_target(const Segment& segment, std::size_t source,
                                                 std::int64_t visit) const {
    const auto moved = [&](std::size_t i) {
        const Exact flat = Exact{segment.rows} * segment.start[i] * visit;
        const Exact slope = segment.end[i] - segment.start[i];
        if (slope == 0) return flat;
        return flat + floor_divide<Exact>(slope * segment.rows * visit * visit, Exact{2} * segment.visits);
    };
    if (source != segment.largest || segment.period != 0) return segment.base[source] + moved(source);
    // The targets must add up to the rows: one source takes up what rounding down left of the others.
    Exact rest = Exact{segment.rows} * kUnits * visit;
    for (std::size_t i = 0; i < num_sources_; ++i) {
        if (i != source) rest -= moved(i);
    }
    return segment.base[source] + rest;
}

std::int64_t MixtureStream::due(std::size_t segment, std::size_t source, std::int64_t count) const {
    const Exact goal = Exact{count} * kUnits;
    for (std::size_t s = segment; s < segments_.size(); ++s) {
        const Segment& one = segments_[s];
        if (exact_target(one, source, one.visits) < goal) continue;
        std::int64_t low = 0;  // the first visit at which the target is reached lies in [low, high]
        std::int64_t high = one.visits;
        if (one.period != 0 && one.start[source] > 0) {
            const Exact pace = Exact{one.rows} * one.start[source];
            low = static_cast<std::int64_t>(std::max<Exact>(0, (goal - one.base[source] + pace - 1) / pace));
            high = low;
        }
        while (low < high) {
            const std::int64_t middle = low + (high - low) / 2;
            if (exact_target(one, source, middle) >= goal)
                high = middle;
            else
                low = middle + 1;
        }
        return one.first + low;
    }
    return -1;
}

// As if the training went on with its last weights; a source without weight comes last of all.
std::int64_t MixtureStream::due_beyond(std::size_t source, std::int64_t count) const {
    const Segment& last = segments_.back();
    const Exact pace = Exact{last.rows} * last.end[source];
    if (pace == 0) return std::numeric_limits<std::int64_t>::max();
    const Exact rest = Exact{count} * kUnits - exact_target(last, source, last.visits);
    return visits() + static_cast<std::int64_t>((rest + pace - 1) / pace);
}

std::int64_t MixtureStream::first_reaching(std::int64_t source, std::int64_t count) const {
    if (source < 0 || static_cast<std::size_t>(source) >= num_sources_) throw std::out_of_range("source");
    return due(0, static_cast<std::size_t>(source), count);
}

// Of a visit that the caller has checked.
MixtureStream::Exact MixtureStream::target_before(std::size_t source, std::int64_t visit) const {
    if (segments_.empty()) return first_targets_[source];
    const Segment& segment = segment_of(visit);
    return exact_target(segment, source, visit - segment.first);
}

double MixtureStream::target(std::int64_t source, std::int64_t visit) const {
    if (source < 0 || static_cast<std::size_t>(source) >= num_sources_ || visit < first_visit_ ||
        visit > visits()) {
        throw std::out_of_range("source " + std::to_string(source) + ", visit " + std::to_string(visit));
    }
    const Exact units = target_before(static_cast<std::size_t>(source), visit);
    return static_cast<double>(units / kUnits) + static_cast<double>(units % kUnits) / kUnits;
}

std::vector<std::int64_t> MixtureStream::ahead(std::int64_t visit) {
    std::vector<std::int64_t> surplus = drawn(visit);
    for (std::size_t i = 0; i < num_sources_; ++i) {
        surplus[i] = static_cast<std::int64_t>(Exact{surplus[i]} * kUnits - target_before(i, visit));
    }
    return surplus;
}

std::int64_t MixtureStream::when_due(std::size_t segment, std::size_t source, std::int64_t count) const {
    const std::int64_t visit = due(segment, source, count);
    return visit < 0 ? due_beyond(source, count) : visit;
}

MixtureStream::Fresh MixtureStream::fresh_at(std::size_t segment, std::int64_t visit) {
    const Segment& one = segments_[segment];
    Fresh fresh{std::vector<std::int64_t>(num_sources_), 0};
    candidates_.clear();
    Exact rest = 0;
    for (std::size_t i = 0; i < num_sources_; ++i) {
        const Exact target = exact_target(one, i, visit);
        fresh.counts[i] = static_cast<std::int64_t>(floor_divide<Exact>(target, kUnits));
        const Exact part = target - Exact{fresh.counts[i]} * kUnits;
        rest += part;
        if (part == 0) continue;
        candidates_.emplace_back(when_due(segment, i, fresh.counts[i] + 1), i);
        fresh.all_due = std::max(fresh.all_due, candidates_.back().first);
    }
    std::sort(candidates_.begin(), candidates_.end());
    for (std::size_t i = 0; i < static_cast<std::size_t>(rest / kUnits); ++i) {
        ++fresh.counts[candidates_[i].second];
    }
    return fresh;
}

// One visit more: what is due by its end first, then what is due soonest among what has begun.
void MixtureStream::advance(std::size_t segment, std::int64_t visit, std::vector<std::int64_t>& counts) {
    const Segment& one = segments_[segment];
    std::int64_t rest = one.rows;
    candidates_.clear();
    before_ = counts;
    for (std::size_t i = 0; i < num_sources_; ++i) {
        const Exact target = exact_target(one, i, visit + 1);
        const auto whole = static_cast<std::int64_t>(floor_divide<Exact>(target, kUnits));
        if (whole > counts[i]) {
            rest -= whole - counts[i];
            counts[i] = whole;
        }
        if (counts[i] == whole && Exact{whole} * kUnits != target) candidates_.emplace_back(0, i);
    }
    if (rest < 0 || rest > static_cast<std::int64_t>(candidates_.size())) {
        mend(one, visit, rest, counts);
        return;
    }
    if (rest == 0) return;
    if (rest < static_cast<std::int64_t>(candidates_.size())) {
        for (auto& [when, source] : candidates_) when = when_due(segment, source, counts[source] + 1);
        std::nth_element(candidates_.begin(), candidates_.begin() + (rest - 1), candidates_.end());
    }
    for (std::int64_t i = 0; i < rest; ++i) ++counts[candidates_[static_cast<std::size_t>(i)].second];
}

// Weights that were changed during a training can leave more due than there are rows, or less begun than
// rows: then the counts follow as closely as whole sequences can, and catch up within the next visits.
void MixtureStream::mend(const Segment& segment, std::int64_t visit, std::int64_t rest,
                         std::vector<std::int64_t>& counts) const {
    const auto ahead = [&](std::size_t i) {
        return Exact{counts[i]} * kUnits - exact_target(segment, i, visit + 1);
    };
    for (; rest != 0; rest += rest < 0 ? 1 : -1) {
        std::size_t chosen = num_sources_;
        for (std::size_t i = 0; i < num_sources_; ++i) {
            if (rest < 0 && counts[i] <= before_[i]) continue;  // what was given out stays so
            if (chosen == num_sources_ || (rest < 0 ? ahead(i) > ahead(chosen) : ahead(i) < ahead(chosen))) {
                chosen = i;
            }
        }
        counts[chosen] += rest < 0 ? -1 : 1;
    }
}

std::vector<std::int64_t> MixtureStream::simulate(std::size_t segment, std::int64_t from, std::int64_t to,
                                                  std::vector<std::int64_t> counts) {
    auto& checkpoints = segments_[segment].checkpoints;
    if (const auto after = checkpoints.upper_bound(to); after != checkpoints.begin()) {
        if (const auto nearest = std::prev(after); nearest->first > from) {
            from = nearest->first;
            counts = nearest->second;
        }
    }
    for (std::int64_t back = kShortestBack; !changed_ && back < to - from; back *= 4) {
        Fresh fresh = fresh_at(segment, to - back);
        if (fresh.all_due > segments_[segment].first + to) continue;
        from = to - back;
        counts = std::move(fresh.counts);
        break;
    }
    for (std::int64_t visit = from; visit < to; ++visit) {
        advance(segment, visit, counts);
        if ((visit + 1) % kCheckpoint == 0 || visit + 1 == to)
            checkpoints.insert_or_assign(visit + 1, counts);
    }
    // The place just reached serves the next visit; the one before it is no longer needed.
    if (const auto here = checkpoints.find(to); here != checkpoints.end() && here != checkpoints.begin()) {
        if (const auto last = std::prev(here); last->first % kCheckpoint != 0) checkpoints.erase(last);
    }
    return counts;
}

std::vector<std::int64_t> MixtureStream::after_periods(std::size_t segment, std::int64_t periods) {
    Segment& one = segments_[segment];
    const auto move = [&](std::size_t i, std::int64_t n) {
        return static_cast<std::int64_t>(Exact{one.rows} * one.start[i] * one.period * n / kUnits);
    };
    auto& states = one.period_states;
    if (states.empty()) states.push_back(start_of(segment));
    while (one.repeats_from < 0 && static_cast<std::int64_t>(states.size()) <= periods) {
        const auto done = static_cast<std::int64_t>(states.size());
        std::vector<std::int64_t> counts = states.back();
        for (std::size_t i = 0; i < num_sources_; ++i) counts[i] += move(i, done - 1);
        counts = simulate(segment, (done - 1) * one.period, done * one.period, std::move(counts));
        for (std::size_t i = 0; i < num_sources_; ++i) counts[i] -= move(i, done);
        const auto same = std::find(states.begin(), states.end(), counts);
        if (same != states.end())
            one.repeats_from = same - states.begin();
        else
            states.push_back(std::move(counts));
    }
    std::int64_t index = periods;
    if (index >= static_cast<std::int64_t>(states.size())) {
        const std::int64_t cycle = static_cast<std::int64_t>(states.size()) - one.repeats_from;
        index = one.repeats_from + (index - one.repeats_from) % cycle;
    }
    std::vector<std::int64_t> counts = states[static_cast<std::size_t>(index)];
    for (std::size_t i = 0; i < num_sources_; ++i) counts[i] += move(i, periods);
    return counts;
}

std::vector<std::int64_t> MixtureStream::counts_at(std::size_t segment, std::int64_t visit) {
    const Segment& one = segments_[segment];
    if (num_sources_ == 1) return {start_of(segment)[0] + one.rows * visit};
    std::int64_t jumped = 0;
    std::vector<std::int64_t> counts = start_of(segment);
    if (one.period != 0 && one.period <= std::min(visit, one.regular)) {
        const std::int64_t periods = std::min(visit, one.regular) / one.period;
        jumped = periods * one.period;
        counts = after_periods(segment, periods);
    }
    return simulate(segment, jumped, visit, std::move(counts));
}

std::vector<std::int64_t> MixtureStream::drawn(std::int64_t visit) {
    if (visit < first_visit_ || visit > visits()) {
        throw std::out_of_range("visit " + std::to_string(visit) + " of " + std::to_string(first_visit_) +
                                " to " + std::to_string(visits()));
    }
    if (segments_.empty()) return segment_starts_.front();
    const Segment& segment = segment_of(visit);
    return counts_at(static_cast<std::size_t>(&segment - segments_.data()), visit - segment.first);
}

}  // namespace pypack
