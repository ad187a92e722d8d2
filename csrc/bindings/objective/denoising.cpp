// Bindings of inputs and targets of encoders and decoders: their sizes, and what they are made with.
#include "objective/denoising.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "objective/pair_sizes.hpp"

namespace pypack::bindings {

namespace {

// Kind, rate, mean, number of mode tokens, chance * 2^32 of it and all before it.
using DenoiserFields = std::tuple<std::string, double, double, Length, std::uint64_t>;

PairSizes sizes_of(const std::vector<DenoiserFields>& fields, bool ends, std::uint64_t seed) {
    std::vector<Denoiser> denoisers;
    for (const auto& [kind, rate, mean, mode_tokens, below] : fields) {
        if (kind != "spans" && kind != "prefix") throw py::value_error("there is no denoiser '" + kind + "'");
        denoisers.push_back({kind == "spans" ? Denoiser::Kind::spans : Denoiser::Kind::prefix, rate, mean,
                             mode_tokens, below});
    }
    return PairSizes(std::move(denoisers), ends, seed);
}

py::array_t<Length> sizes_of_spans(const PairSizes& sizes, const Array<std::int64_t>& documents,
                                   const Array<Length>& starts, const Array<Length>& lengths) {
    const auto document = view(documents, "documents");
    const auto start = view(starts, "starts");
    const auto length = view(lengths, "lengths");
    if (start.size() != document.size() || length.size() != document.size()) {
        throw py::value_error("documents, starts and lengths must have one length");
    }
    py::array_t<Length> found({static_cast<py::ssize_t>(document.size()), py::ssize_t{2}});
    Length* const out = found.mutable_data();
    for (std::size_t i = 0; i < document.size(); ++i) {
        if (length[i] < 1) throw py::value_error("span " + std::to_string(i) + " has no token");
    }
    const GilRelease release;
    for (std::size_t i = 0; i < document.size(); ++i) {
        const PairLengths of = sizes.of(document[i], start[i], length[i]);
        out[2 * i] = of.inputs;
        out[2 * i + 1] = of.targets;
    }
    return found;
}

}  // namespace

void register_denoising(py::module_& m) {
    py::classh<PairSizes>(m, "PairSizes", "How many items the two sides of a span have.")
        .def(py::init(&sizes_of), py::arg("denoisers"), py::arg("ends"), py::arg("seed"))
        .def("of", &sizes_of_spans, py::arg("documents").noconvert(), py::arg("starts").noconvert(),
             py::arg("lengths").noconvert(), "Inputs and targets of each span, int32 [N, 2].")
        .def(
            "denoiser_of",
            [](const PairSizes& self, std::int64_t document, Length start) {
                return self.denoiser_of(document, start);
            },
            py::arg("document"), py::arg("start"))
        .def(
            "prefix_of",
            [](const PairSizes& self, std::int64_t document, Length start, Length length) {
                if (length < 1) throw py::value_error("a span has at least one token");
                const Denoiser& one = self.denoisers()[self.denoiser_of(document, start)];
                return one.kind == Denoiser::Kind::prefix ? self.prefix_of(one, document, start, length) : -1;
            },
            py::arg("document"), py::arg("start"), py::arg("length"), "-1 where its denoiser has none.")
        .def(
            "longest",
            [](const PairSizes& self, Length inputs, Length targets, Length most_runs) {
                std::vector<Length> found;
                for (const Denoiser& one : self.denoisers())
                    found.push_back(self.longest(one, {inputs, targets}, most_runs));
                return found;
            },
            py::arg("inputs"), py::arg("targets"), py::arg("most_runs") = PairSizes::kMostTokens,
            "The most tokens of a piece, by denoiser.")
        .def(
            "most_targets",
            [](const PairSizes& self, const std::vector<Length>& tokens) {
                if (tokens.size() != self.denoisers().size()) throw py::value_error("one length a denoiser");
                Length most = 0;
                for (std::size_t i = 0; i < tokens.size(); ++i) {
                    if (tokens[i] > 0)
                        most = std::max(most, self.most(self.denoisers()[i], tokens[i]).targets);
                }
                return most;
            },
            py::arg("tokens"), "The most targets of pieces of so many tokens, one of each denoiser.");
    m.def(
        "noise_counts",
        [](double rate, double mean, Length length) {
            const NoiseCounts found = noise_counts(rate, mean, length);
            return py::make_tuple(found.tokens, found.runs);
        },
        py::arg("rate"), py::arg("mean"), py::arg("length"));
    py::classh<Denoising>(m, "Denoising", "What makes both sides of the spans of plans with two capacities.")
        .def(py::init([](const PairSizes& sizes, const std::vector<std::uint32_t>& sentinels,
                         const std::vector<std::vector<std::uint32_t>>& modes, std::uint32_t end,
                         std::uint32_t start, const std::string& instructions) {
                 return std::make_shared<Denoising>(sizes, sentinels, modes, end, start,
                                                    resolve(instructions_named(instructions)));
             }),
             py::kw_only(), py::arg("sizes"), py::arg("sentinels"), py::arg("modes"), py::arg("end"),
             py::arg("start"), py::arg("instructions") = "best");
}

}  // namespace pypack::bindings
