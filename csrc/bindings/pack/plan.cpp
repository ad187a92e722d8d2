// Bindings of what is asked of a finished plan: proof, totals and fingerprint.
#include "bindings/pack/plan.hpp"

#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/pack/types.hpp"
#include "common/fingerprint.hpp"
#include "common/random.hpp"
#include "pack/balance/balance.hpp"
#include "pack/plan/capacity_runs.hpp"
#include "pack/plan/histograms.hpp"
#include "pack/plan/totals.hpp"
#include "pack/plan/verify.hpp"

namespace pypack::bindings {

namespace {

py::dict totals(const PlanHandle& handle, Length align) {
    PlanTotals figures;
    {
        const GilRelease release;
        figures = plan_totals(handle.plan(), align);
    }
    py::dict result;
    result["tokens"] = figures.tokens;
    result["capacity"] = figures.capacity;
    result["attention_cost"] = figures.attention_cost;
    result["most_spans"] = figures.most_spans;
    result["l2_bound"] = figures.l2_bound;
    result["log_length_variance"] = figures.log_length_variance;
    result["between_variance"] = figures.between_variance;
    return result;
}

py::dict verify(const PlanHandle& handle, const Array<Length>& lengths, Length align, Length max_documents) {
    const auto documents = view(lengths, "lengths");
    PlanCounts counts;
    {
        const GilRelease release;
        counts = verify_plan(handle.plan(), documents, align, max_documents);
    }
    return to_python(counts);
}

py::dict verify_plan_alone(const PlanHandle& handle, std::int64_t documents, Length align,
                           Length max_documents) {
    SpanCounts counts;
    {
        const GilRelease release;
        counts = verify_alone(handle.plan(), documents, align, max_documents);
    }
    py::dict result;
    result["documents without span"] = counts.documents_without_span;
    result["split_documents"] = counts.split_documents;
    result["tokens in spans"] = counts.tokens;
    return result;
}

// (int64 [32, 2], int64 [101])
py::tuple histograms(const PlanHandle& handle) {
    PlanHistograms found;
    {
        const GilRelease release;
        found = plan_histograms(handle.plan());
    }
    py::array_t<std::int64_t> lengths({static_cast<py::ssize_t>(found.lengths.size()), py::ssize_t{2}});
    auto* value = lengths.mutable_data();
    for (const auto& spans : found.lengths) {
        *value++ = spans.count;
        *value++ = spans.tokens;
    }
    return py::make_tuple(
        lengths, py::array_t<std::int64_t>(static_cast<py::ssize_t>(found.fills.size()), found.fills.data()));
}

py::array_t<double> costs_of_sequences(const PlanHandle& handle, double per_token, double per_pair) {
    Buffer<double> costs;
    {
        const GilRelease release;
        costs = sequence_costs(handle.plan(), per_token, per_pair);
    }
    return to_numpy(std::move(costs));
}

// int64 [runs, 3]: capacity, first sequence, count.
py::array_t<std::int64_t> runs_of_capacity(const PlanHandle& handle) {
    std::vector<CapacityRun> runs;
    {
        const GilRelease release;
        runs = capacity_runs(handle.plan().sequence_capacity);
    }
    py::array_t<std::int64_t> out({static_cast<py::ssize_t>(runs.size()), py::ssize_t{3}});
    auto* values = out.mutable_data();
    for (const CapacityRun& run : runs) {
        *values++ = run.capacity;
        *values++ = run.first;
        *values++ = run.count;
    }
    return out;
}

std::uint64_t plan_fingerprint(const PlanHandle& handle) {
    const GilRelease release;
    const PlanView& plan = handle.plan();
    std::uint64_t result = fingerprint(plan.sequence_offsets);
    result = combine_keys(result, fingerprint(plan.span_document));
    result = combine_keys(result, fingerprint(plan.span_start));
    result = combine_keys(result, fingerprint(plan.span_length));
    result = combine_keys(result, fingerprint(plan.sequence_capacity));
    if (!plan.literals.any()) return result;
    result = combine_keys(result, fingerprint(plan.literals.offsets));
    result = combine_keys(result, fingerprint(plan.literals.tokens));
    std::vector<std::int32_t> learned;
    for (const std::byte bits : plan.literals.learned) learned.push_back(std::to_integer<std::int32_t>(bits));
    return combine_keys(result, fingerprint(std::span<const std::int32_t>(learned)));
}

}  // namespace

PlanHandle::PlanHandle(Array<std::int64_t> sequence_offsets, Array<std::int64_t> span_document,
                       Array<Length> span_start, Array<Length> span_length, Array<Length> sequence_capacity,
                       std::optional<Array<std::int64_t>> literal_offsets,
                       std::optional<Array<std::int32_t>> literal_tokens,
                       std::optional<Array<std::uint8_t>> literal_learned, Length room)
    : sequence_offsets_(std::move(sequence_offsets)),
      span_document_(std::move(span_document)),
      span_start_(std::move(span_start)),
      span_length_(std::move(span_length)),
      sequence_capacity_(std::move(sequence_capacity)),
      literal_offsets_(std::move(literal_offsets)),
      literal_tokens_(std::move(literal_tokens)),
      literal_learned_(std::move(literal_learned)),
      plan_{view(sequence_offsets_, "sequence_offsets"), view(span_document_, "span_document"),
            view(span_start_, "span_start"), view(span_length_, "span_length"),
            view(sequence_capacity_, "sequence_capacity")} {
    if (room < 0) throw py::value_error("room must be at least 0, got " + std::to_string(room));
    plan_.room = room;
    if (literal_offsets_ && literal_tokens_ && literal_learned_) {
        plan_.literals = {view(*literal_offsets_, "literal_offsets"),
                          view(*literal_tokens_, "literal_tokens"),
                          std::as_bytes(view(*literal_learned_, "literal_learned"))};
    } else if (literal_offsets_ || literal_tokens_ || literal_learned_) {
        throw py::value_error("literal_offsets, literal_tokens and literal_learned go together");
    }
    check_sizes(plan_);
}

void register_plan(py::module_& m) {
    py::classh<PlanHandle>(m, "PlanView", "The arrays of a plan, for the kernels that read it.")
        .def(py::init<Array<std::int64_t>, Array<std::int64_t>, Array<Length>, Array<Length>, Array<Length>,
                      std::optional<Array<std::int64_t>>, std::optional<Array<std::int32_t>>,
                      std::optional<Array<std::uint8_t>>, Length>(),
             py::arg("sequence_offsets").noconvert(), py::arg("span_document").noconvert(),
             py::arg("span_start").noconvert(), py::arg("span_length").noconvert(),
             py::arg("sequence_capacity").noconvert(), py::kw_only(),
             py::arg("literal_offsets").noconvert() = py::none(),
             py::arg("literal_tokens").noconvert() = py::none(),
             py::arg("literal_learned").noconvert() = py::none(), py::arg("room") = 0)
        .def("totals", &totals, py::arg("align"))
        .def("verify", &verify, py::arg("lengths").noconvert(), py::arg("align"), py::arg("max_documents"))
        .def("verify_alone", &verify_plan_alone, py::arg("documents"), py::arg("align"),
             py::arg("max_documents"))
        .def("histograms", &histograms)
        .def("sequence_costs", &costs_of_sequences, py::arg("per_token"), py::arg("per_pair"))
        .def("capacity_runs", &runs_of_capacity)
        .def("fingerprint", &plan_fingerprint);
}

}  // namespace pypack::bindings
