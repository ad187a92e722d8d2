// Who gets how many of the rows: sequences dealt to sources by weight, exactly.
//
// After every visit the count of each source is within one sequence of its weight's integral: a count c and a
// target w obey |c - w| < 1, without random drift. No closed form can do that (a rule that keeps the quota
// and never takes a seat back depends on history; Balinski and Young 1982, "Fair Representation", ch. 10),
// but a schedule can: each sequence of a source is due between the moments where the target passes its number
// less one and its number, and giving the rows to what is due first always succeeds (earliest deadline first;
// Steiner and Yeomans 1993, "Level schedules for mixed-model, just-in-time processes").
// Weights are rounded to millionths, so that a run of constant weights has a short period, and whole periods
// are jumped over. Elsewhere (ramps) a visit is reached from one before it by so many that whatever had begun
// there is due by now: from then on the counts are the same for all histories. (Of the sequences due by some
// time d, the number n(d) given out obeys n(d) <- min(n(d) + rows, those that have begun), whatever else is
// given out. For d beyond all that had begun, n(d) is the sum of all rows, and for d in the past all are
// given out.)
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace pypack {

class MixtureStream {
  public:
    static constexpr std::int64_t kUnits = 1'000'000;  // of a weight
    static constexpr std::int64_t kEndless = std::int64_t{1} << 40;

    explicit MixtureStream(std::int64_t num_sources);

    // Goes on from what `past` has given out before `visit`, with targets of its own: for weights that are
    // changed during a training, by which nothing that was given out may change. Visits are numbered on.
    MixtureStream(MixtureStream& past, std::int64_t visit);

    // The same where `past` is known only by what it came to before `visit`: its drawn() and its ahead().
    // Throws std::invalid_argument unless the latter are one a source and add up to nothing.
    MixtureStream(std::vector<std::int64_t> drawn, std::span<const std::int64_t> ahead, std::int64_t visit);

    // `visits` more visits with `rows` rows each, whose weights (in kUnits, adding up to kUnits) run linearly
    // from `start` to `end`. Throws std::invalid_argument if they do not.
    void add_segment(std::int64_t visits, std::int64_t rows, std::span<const std::int64_t> start,
                     std::span<const std::int64_t> end);

    // The number of the visit after the last.
    [[nodiscard]] std::int64_t visits() const;

    // Rows of each source in the visits before `visit`. Throws std::out_of_range for a visit after the last,
    // or before the first.
    [[nodiscard]] std::vector<std::int64_t> drawn(std::int64_t visit);

    // By how much each source's count is more than its target, exactly, in kUnits. Throws as drawn() does.
    [[nodiscard]] std::vector<std::int64_t> ahead(std::int64_t visit);

    // The first visit before which the target of a source is at least `count`; -1 if it never is.
    [[nodiscard]] std::int64_t first_reaching(std::int64_t source, std::int64_t count) const;

    // The target of a source before a visit, in sequences.
    [[nodiscard]] double target(std::int64_t source, std::int64_t visit) const;

  private:
    using Exact = __int128;  // sequences in kUnits

    struct Segment {
        std::int64_t first;  // visit
        std::int64_t visits;
        std::int64_t rows;
        std::vector<std::int64_t> start;
        std::vector<std::int64_t> end;
        std::vector<Exact> base;  // targets at its first visit
        std::size_t largest;      // source that takes up what rounding leaves
        std::int64_t period;      // visits after which the targets have moved by whole sequences; 0: none
        std::int64_t regular;  // visits from the start on in which all that has begun is due in the segment
        // What the counts are ahead of the targets' move after 0, 1, ... periods, until a state comes again.
        std::vector<std::vector<std::int64_t>> period_states;
        std::int64_t repeats_from = -1;                                 // the state that came again
        std::map<std::int64_t, std::vector<std::int64_t>> checkpoints;  // visit in the segment to counts
    };

    [[nodiscard]] Exact exact_target(const Segment& segment, std::size_t source, std::int64_t visit) const;
    [[nodiscard]] Exact target_before(std::size_t source, std::int64_t visit) const;
    [[nodiscard]] std::int64_t due(std::size_t segment, std::size_t source, std::int64_t count) const;
    [[nodiscard]] std::int64_t due_beyond(std::size_t source, std::int64_t count) const;
    // Counts at a visit of a segment as no history forbids them, of what is due soonest, and the visit by
    // which all that has begun there is due.
    struct Fresh {
        std::vector<std::int64_t> counts;
        std::int64_t all_due;
    };
    [[nodiscard]] Fresh fresh_at(std::size_t segment, std::int64_t visit);
    void advance(std::size_t segment, std::int64_t visit, std::vector<std::int64_t>& counts);
    [[nodiscard]] std::int64_t when_due(std::size_t segment, std::size_t source, std::int64_t count) const;
    void mend(const Segment& segment, std::int64_t visit, std::int64_t rest,
              std::vector<std::int64_t>& counts) const;
    [[nodiscard]] const Segment& segment_of(std::int64_t visit) const;
    [[nodiscard]] const std::vector<std::int64_t>& start_of(std::size_t segment);
    [[nodiscard]] std::vector<std::int64_t> counts_at(std::size_t segment, std::int64_t visit);
    [[nodiscard]] std::vector<std::int64_t> after_periods(std::size_t segment, std::int64_t periods);
    [[nodiscard]] std::vector<std::int64_t> simulate(std::size_t segment, std::int64_t from, std::int64_t to,
                                                     std::vector<std::int64_t> counts);

    std::size_t num_sources_;
    std::vector<Segment> segments_;
    std::int64_t first_visit_ = 0;
    bool changed_ = false;  // goes on from another: then more may be due at a time than there are rows
    std::vector<Exact> first_targets_;
    std::vector<std::vector<std::int64_t>> segment_starts_;  // counts at the first visit of each segment
    // Of one advance(), kept for their memory.
    std::vector<std::pair<std::int64_t, std::size_t>> candidates_;
    std::vector<std::int64_t> before_;
};

}  // namespace pypack
