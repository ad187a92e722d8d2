// Binding of csrc/core/pack/pairs: lengths -> arrays of a plan with two capacities.
#include "pack/pairs/pack_pairs.hpp"

#include <string>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/pack/types.hpp"
#include "bindings/register.hpp"

namespace pypack::bindings {

void register_pack_pairs(py::module_& m) {
    m.def(
        "pack_pairs",
        [](const Array<Length>& lengths, const PairSizes& sizes, Length inputs, Length targets,
           const std::string& overflow, Length max_documents, Length drop_shorter_than,
           std::int64_t open_sequences, Length most_runs) {
            const auto documents = view(lengths, "lengths");
            PairOptions options;
            options.rooms = {inputs, targets};
            options.overflow = overflow_from(overflow);
            options.max_documents = max_documents;
            options.drop_shorter_than = drop_shorter_than;
            options.open_sequences = open_sequences;
            options.most_runs = most_runs;
            PlanArrays plan;
            {
                const GilRelease release;
                plan = pack_pairs(documents, sizes, options);
            }
            return to_python(std::move(plan));
        },
        py::arg("lengths").noconvert(), py::arg("sizes"), py::kw_only(), py::arg("inputs"),
        py::arg("targets"), py::arg("overflow"), py::arg("max_documents"), py::arg("drop_shorter_than"),
        py::arg("open_sequences"), py::arg("most_runs") = PairSizes::kMostTokens);
}

}  // namespace pypack::bindings
