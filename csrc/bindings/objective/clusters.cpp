// Bindings of csrc/core/objective/clustered_tokens.hpp.
#include "bindings/objective/clusters.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "bindings/common/arrays.hpp"
#include "objective/clustered_tokens.hpp"

namespace pypack::bindings {

namespace {

std::shared_ptr<TokenClusters> clusters_of(const Array<std::int32_t>& cluster_of) {
    auto found = std::make_shared<TokenClusters>();
    const auto of = view(cluster_of, "cluster_of");
    found->cluster_of.assign(of.begin(), of.end());
    const std::int32_t largest = of.empty() ? -1 : *std::max_element(of.begin(), of.end());
    if (largest < 0) throw py::value_error("there is no cluster");
    std::vector<std::int64_t> counts(static_cast<std::size_t>(largest) + 1);
    for (const std::int32_t cluster : of) {
        if (cluster >= 0) ++counts[static_cast<std::size_t>(cluster)];
    }
    found->firsts.assign(1, 0);
    for (const std::int64_t count : counts) {
        if (count == 0) throw py::value_error("a cluster has no token");
        found->firsts.push_back(found->firsts.back() + count);
    }
    found->members.resize(static_cast<std::size_t>(found->firsts.back()));
    std::vector<std::int64_t> next(found->firsts.begin(), found->firsts.end() - 1);
    for (std::size_t id = 0; id < of.size(); ++id) {
        if (of[id] < 0) continue;
        const std::int64_t place = next[static_cast<std::size_t>(of[id])]++;
        found->members[static_cast<std::size_t>(place)] = static_cast<std::uint32_t>(id);
    }
    return found;
}

}  // namespace

void register_clusters(py::module_& m) {
    py::classh<TokenClusters>(m, "TokenClusters", "Token ids in clusters.")
        .def(py::init(&clusters_of), py::arg("cluster_of").noconvert())
        .def("__len__", &TokenClusters::size);
    m.def(
        "clustered_tokens",
        [](std::shared_ptr<Objective> choosing, std::shared_ptr<TokenClusters> clusters,
           const Array<std::uint64_t>& rising, const std::string& instructions) {
            const auto sums = view(rising, "rising", 2);
            return clustered_tokens(std::move(choosing), std::move(clusters), {sums.begin(), sums.end()},
                                    instructions_named(instructions));
        },
        py::kw_only(), py::arg("choosing"), py::arg("clusters"), py::arg("rising").noconvert(),
        py::arg("instructions") = "best", py::keep_alive<0, 1>(),
        "Chosen tokens become those of clusters that are drawn by sums of weights, uint64 [C, C].");
}

}  // namespace pypack::bindings
