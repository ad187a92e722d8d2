#include "bindings/pack/types.hpp"

#include <string>
#include <utility>

#include "bindings/common/arrays.hpp"
#include "pack/best_fit/best_fit.hpp"
#include "pack/decompose/decompose.hpp"
#include "pack/in_order/sequential.hpp"

namespace pypack::bindings {

Overflow overflow_from(const std::string& name) {
    return choose<Overflow>("overflow", name,
                            {{"split", Overflow::split},
                             {"truncate", Overflow::truncate},
                             {"drop", Overflow::drop},
                             {"error", Overflow::error}});
}

namespace {

Border border_from(const std::string& name) {
    return choose<Border>("border", name, {{"cross", Border::cross}, {"truncate", Border::truncate}});
}

constexpr std::pair<const char*, std::int64_t PlanCounts::*> kCountFields[] = {
    {"documents", &PlanCounts::documents},
    {"tokens", &PlanCounts::tokens},
    {"empty_documents", &PlanCounts::empty_documents},
    {"dropped_documents", &PlanCounts::dropped_documents},
    {"dropped_tokens", &PlanCounts::dropped_tokens},
    {"truncated_documents", &PlanCounts::truncated_documents},
    {"truncated_tokens", &PlanCounts::truncated_tokens},
    {"split_documents", &PlanCounts::split_documents},
};

HistogramPacking histogram_packing_from(const std::string& name) {
    return choose<HistogramPacking>(
        "algorithm", name,
        {{"spfhp", HistogramPacking::shortest_pack_first}, {"lpfhp", HistogramPacking::longest_pack_first}});
}

DecomposeOptions decompose_options_from(Length min_length, Length max_length, const std::string& mode,
                                        const std::string& long_documents, const std::string& remainder,
                                        std::uint64_t seed) {
    return {
        min_length,
        max_length,
        choose<PieceLength>("mode", mode, {{"exact", PieceLength::exact}, {"shifted", PieceLength::shifted}}),
        choose<LongDocuments>("long_documents", long_documents,
                              {{"max", LongDocuments::longest}, {"random", LongDocuments::random}}),
        choose<Remainder>("remainder", remainder,
                          {{"drop", Remainder::drop}, {"pack", Remainder::pack}, {"keep", Remainder::keep}}),
        seed};
}

}  // namespace

py::tuple to_python(PlanArrays&& plan) {
    return py::make_tuple(to_numpy(std::move(plan.sequence_offsets)), to_numpy(std::move(plan.span_document)),
                          to_numpy(std::move(plan.span_start)), to_numpy(std::move(plan.span_length)),
                          to_numpy(std::move(plan.sequence_capacity)), to_python(plan.counts));
}

py::dict to_python(const PlanCounts& counts) {
    py::dict result;
    for (const auto& [name, field] : kCountFields) result[name] = counts.*field;
    return result;
}

PlanCounts counts_from_python(const std::map<std::string, std::int64_t>& values) {
    PlanCounts counts;
    for (const auto& [name, field] : kCountFields) {
        const auto found = values.find(name);
        if (found == values.end() || found->second < 0) {
            throw py::value_error(std::string("counts: '") + name + "' is missing or negative");
        }
        counts.*field = found->second;
    }
    return counts;
}

void register_pack_types(py::module_& m) {
    py::class_<PackOptions>(m, "PackOptions", "What every packing strategy is told.")
        .def(py::init([](Length sequence_length, const std::string& overflow, Length max_documents,
                         Length align, Length drop_shorter_than) {
                 const PackOptions options{sequence_length, overflow_from(overflow), max_documents, align,
                                           drop_shorter_than};
                 options.validate();
                 return options;
             }),
             py::kw_only(), py::arg("sequence_length"), py::arg("overflow"), py::arg("max_documents"),
             py::arg("align"), py::arg("drop_shorter_than"));
    py::class_<Border>(m, "Border",
                       "What concat-and-chunk does where a document meets the end of a sequence.")
        .def(py::init([](const std::string& name) { return border_from(name); }), py::arg("name"));
    py::class_<HistogramPacking>(m, "HistogramPacking", "SPFHP or LPFHP of Krell et al.")
        .def(py::init([](const std::string& name) { return histogram_packing_from(name); }), py::arg("name"));
    py::class_<DecomposeOptions>(m, "DecomposeOptions", "How Dataset Decomposition cuts documents.")
        .def(py::init(&decompose_options_from), py::kw_only(), py::arg("min_length"), py::arg("max_length"),
             py::arg("mode"), py::arg("long_documents"), py::arg("remainder"), py::arg("seed"));
}

}  // namespace pypack::bindings
