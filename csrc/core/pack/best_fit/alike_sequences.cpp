#include "pack/best_fit/alike_sequences.hpp"

#include <cstddef>

namespace pypack {

namespace {

struct RunOfUnits {
    const Run* run;
    std::size_t units;
};

}  // namespace

RunStretches stretches_of(const Runs& runs) {
    std::vector<RunOfUnits> by_start;
    by_start.reserve(runs.runs.size());
    std::vector<std::int64_t> borders;
    borders.reserve(2 * runs.runs.size());
    for (std::size_t units = 1; units < runs.first.size(); ++units) {
        for (std::uint32_t i = runs.first[units]; i < runs.first[units - 1]; ++i) {
            const Run& run = runs.runs[i];
            by_start.push_back({&run, units});
            borders.push_back(run.first_sequence);
            borders.push_back(run.end_sequence);
        }
    }
    std::sort(by_start.begin(), by_start.end(), [](const RunOfUnits& a, const RunOfUnits& b) {
        return a.run->first_sequence < b.run->first_sequence;
    });
    std::sort(borders.begin(), borders.end());
    borders.erase(std::unique(borders.begin(), borders.end()), borders.end());

    RunStretches result;
    std::vector<RunOfUnits> active;  // by slot
    auto next = by_start.begin();
    std::int64_t spans_before = 0;
    for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
        const std::int64_t begin = borders[i];
        const std::int64_t end = borders[i + 1];
        std::erase_if(active, [begin](const RunOfUnits& x) { return x.run->end_sequence <= begin; });
        for (; next != by_start.end() && next->run->first_sequence == begin; ++next) {
            const auto behind =
                std::upper_bound(active.begin(), active.end(), next->run->slot,
                                 [](std::int32_t slot, const RunOfUnits& x) { return slot < x.run->slot; });
            active.insert(behind, *next);
        }
        Stretch stretch{begin, end, spans_before, 0, result.parts.size(), 0};
        for (const auto& [run, units] : active) {
            const std::int64_t rank = run->first_rank + (begin - run->first_sequence) * run->per_sequence;
            result.parts.push_back({units, rank, run->per_sequence});
            stretch.spans += run->per_sequence;
        }
        stretch.end_part = result.parts.size();
        spans_before += (end - begin) * stretch.spans;
        result.stretches.push_back(stretch);
    }
    return result;
}

}  // namespace pypack
