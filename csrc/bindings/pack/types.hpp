// The types that the pack bindings share: options in, arrays of a plan out.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>

#include "pack/balance/balance.hpp"
#include "pack/plan/plan_arrays.hpp"

namespace pypack::bindings {

// (sequence_offsets, span_document, span_start, span_length, sequence_capacity, counts)
[[nodiscard]] pybind11::tuple to_python(PlanArrays&& plan);
[[nodiscard]] pybind11::dict to_python(const PlanCounts& counts);
[[nodiscard]] PlanCounts counts_from_python(const std::map<std::string, std::int64_t>& values);

// The enum value that a string names; an unknown name is a ValueError with all known ones.
template <typename Choice>
[[nodiscard]] Choice choose(const char* what, const std::string& name,
                            std::initializer_list<std::pair<const char*, Choice>> choices) {
    std::string all;
    for (const auto& [known, value] : choices) {
        if (name == known) return value;
        all += std::string(all.empty() ? "'" : ", '") + known + "'";
    }
    throw pybind11::value_error(std::string(what) + " must be one of " + all + ", got '" + name + "'");
}

// What happens to documents that are too long, by its name.
[[nodiscard]] Overflow overflow_from(const std::string& name);

// How sequences are dealt to ranks, by its name.
[[nodiscard]] BalanceStrategy balance_strategy_from(const char* what, const std::string& name);

void register_knots(pybind11::module_& m);
void register_pack_types(pybind11::module_& m);
void register_balance(pybind11::module_& m);
void register_pack_index(pybind11::module_& m);
void register_pack_stream(pybind11::module_& m);
void register_pack_pairs(pybind11::module_& m);
void register_plan(pybind11::module_& m);  // verification and totals of finished plans

}  // namespace pypack::bindings
