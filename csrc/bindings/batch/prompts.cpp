// Bindings of csrc/core/batch/prompts: prompts in memory to packed rows in one call.
#include <pybind11/stl.h>

#include <optional>

#include "batch/fill.hpp"
#include "batch/prompts.hpp"
#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/pack/plan.hpp"
#include "bindings/register.hpp"
#include "pack/plan/verify.hpp"

namespace pypack::bindings {

namespace {

py::dict prepack(const Array<TokenId>& values, const Array<Offset>& offsets, const PlanHandle& handle,
                 std::optional<std::int64_t> row_length, std::int64_t pad_id, int num_threads) {
    const auto tokens = view(values, "values");
    const auto bounds = view(offsets, "offsets");
    const PlanView& plan = handle.plan();
    if (row_length && *row_length < 1) {
        throw py::value_error("row_length must be at least 1 or None, got " + std::to_string(*row_length));
    }
    ResolvedRows rows;
    PromptPlaces places;
    {
        const GilRelease release;
        check_offsets(plan);
        rows = resolve_prompts(tokens, bounds, plan);
        places = place_prompts(rows, static_cast<std::int64_t>(bounds.size()) - 1, row_length.value_or(0));
    }
    const std::vector<py::ssize_t> shape =
        row_length ? std::vector<py::ssize_t>{static_cast<py::ssize_t>(rows.row_room.size()),
                                              static_cast<py::ssize_t>(*row_length)}
                   : std::vector<py::ssize_t>{static_cast<py::ssize_t>(rows.num_tokens)};
    py::array_t<std::int64_t> input_ids(shape);
    py::array_t<std::int64_t> position_ids(shape);
    py::array_t<std::int64_t> segment_ids(shape);
    TokenArrays<std::int64_t> arrays;
    arrays.input_ids = input_ids.mutable_data();
    arrays.position_ids = position_ids.mutable_data();
    arrays.segment_ids = segment_ids.mutable_data();
    {
        const GilRelease release;
        constexpr TokenDtype kDtypes[] = {TokenDtype::kInt32};
        const FillOptions<std::int64_t> options{pad_id, false};
        if (row_length) {
            fill_padded(std::span<const TokenDtype>(kDtypes), rows, *row_length, options, arrays,
                        num_threads);
        } else {
            fill_varlen(std::span<const TokenDtype>(kDtypes), rows, rows.num_items, options, arrays,
                        num_threads);
        }
    }
    py::dict out;
    out["input_ids"] = std::move(input_ids);
    out["position_ids"] = std::move(position_ids);
    out["segment_ids"] = std::move(segment_ids);
    out["row"] = to_numpy(std::move(places.row));
    out["start"] = to_numpy(std::move(places.start));
    out["cu_seqlens"] = to_numpy(std::move(places.cu_seqlens));
    out["max_seqlen"] = places.max_seqlen;
    return out;
}

}  // namespace

void register_prompts(py::module_& m) {
    m.def("prepack", &prepack, py::arg("values").noconvert(), py::arg("offsets").noconvert(), py::arg("plan"),
          py::kw_only(), py::arg("row_length"), py::arg("pad_id"), py::arg("num_threads"),
          "Fills the rows of a plan over prompts; row_length None: one row without padding, of shape "
          "[tokens].");
}

}  // namespace pypack::bindings
