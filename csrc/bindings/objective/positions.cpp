// Bindings of the objectives that change positions.
#include "objective/positions.hpp"

#include "bindings/common/arrays.hpp"
#include "bindings/objective/positions.hpp"

namespace pypack::bindings {

namespace {

constexpr std::int64_t kMostPositions = std::int64_t{1} << 31;

void check(std::int64_t target, std::int64_t chunks, std::int64_t head, std::int64_t tail) {
    if (target < 1 || target > kMostPositions) throw py::value_error("target must be from 1 to 2^31");
    if (chunks < 1 || chunks > target) throw py::value_error("chunks must be from 1 to target");
    if (head < 0 || tail < 0 || head + tail >= target) {
        throw py::value_error("head and tail must leave positions between them");
    }
}

}  // namespace

void register_positions(py::module_& m) {
    m.def(
        "pose_positions",
        [](std::int64_t target, std::int64_t chunks) {
            check(target, chunks, 0, 0);
            return pose_positions(target, chunks);
        },
        py::kw_only(), py::arg("target"), py::arg("chunks"), "Chunks of spans skip positions.");
    m.def(
        "random_positions",
        [](std::int64_t target, const std::string& instructions) {
            check(target, 1, 0, 0);
            return random_positions(target, instructions_named(instructions));
        },
        py::kw_only(), py::arg("target"), py::arg("instructions") = "best",
        "Spans have sorted samples of the positions.");
    m.def(
        "logo_positions",
        [](std::int64_t target, std::int64_t chunks, std::int64_t head, std::int64_t tail) {
            check(target, chunks, head, tail);
            return logo_positions(target, chunks, head, tail);
        },
        py::kw_only(), py::arg("target"), py::arg("chunks"), py::arg("head"), py::arg("tail"),
        "Chunks of spans stand in windows of the positions.");
}

}  // namespace pypack::bindings
