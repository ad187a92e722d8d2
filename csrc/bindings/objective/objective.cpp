// Bindings of csrc/core/objective: what a batch's objective is made from, and putting it on arrays.
#include "objective/objective.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/objective/clusters.hpp"
#include "bindings/objective/infilling.hpp"
#include "bindings/objective/positions.hpp"
#include "bindings/objective/word_borders.hpp"
#include "bindings/register.hpp"
#include "objective/counted_tokens.hpp"
#include "objective/masked_ranges.hpp"
#include "objective/masked_tokens.hpp"
#include "objective/prefix.hpp"
#include "objective/replaced_tokens.hpp"

namespace pypack::bindings {

namespace {

constexpr std::uint64_t kCertain = std::uint64_t{1} << 32;  // a chance

TokenSet tokens_of(const Array<std::uint32_t>& ids, const char* name) {
    return TokenSet(view(ids, name));
}

Replacement replacement(std::uint64_t mask_below, std::uint64_t word_below, std::uint32_t mask_id,
                        std::uint32_t vocab_size) {
    if (mask_below > word_below || word_below > kCertain) {
        throw py::value_error("chances must rise, and be at most 2^32");
    }
    return {mask_below, word_below, mask_id, vocab_size};
}

std::vector<ObjectiveSpan> spans_of(const Array<std::int64_t>& begins, const Array<std::int64_t>& lengths,
                                    const Array<std::uint64_t>& keys, std::size_t items, bool labels_tell,
                                    const std::optional<Array<std::int64_t>>& rooms) {
    const auto begin = view(begins, "begins");
    const auto length = view(lengths, "lengths");
    const auto key = view(keys, "keys");
    if (length.size() != begin.size() || key.size() != begin.size()) {
        throw py::value_error("begins, lengths and keys must have one length");
    }
    std::vector<ObjectiveSpan> spans;
    spans.reserve(begin.size());
    std::int64_t end = 0;
    for (std::size_t i = 0; i < begin.size(); ++i) {
        if (begin[i] < end || length[i] < 0 || length[i] > static_cast<std::int64_t>(items) - begin[i]) {
            throw py::value_error("span " + std::to_string(i) +
                                  " overlaps another, or does not lie within the " + std::to_string(items) +
                                  " items");
        }
        end = begin[i] + length[i];
        spans.push_back({begin[i], length[i], key[i], labels_tell});
        spans.back().room = length[i];
    }
    if (rooms) {
        const auto room = view(*rooms, "rooms");
        if (room.size() != spans.size()) throw py::value_error("there must be a room for every span");
        for (std::size_t i = 0; i < spans.size(); ++i) {
            const std::int64_t next = i + 1 < spans.size() ? begin[i + 1] : static_cast<std::int64_t>(items);
            if (room[i] < length[i] || room[i] > next - begin[i]) {
                throw py::value_error("the room of span " + std::to_string(i) +
                                      " must hold it, and end before the next span");
            }
            spans[i].room = room[i];
        }
    }
    return spans;
}

// Views of arrays that whoever has the list keeps alive. What the kernel reads by is checked here, once.
std::vector<DocumentRanges> ranges_of(const py::list& ranges) {
    std::vector<DocumentRanges> found;
    for (const py::handle each : ranges) {
        const auto pair = each.cast<py::tuple>();
        if (pair.size() != 2 || !py::isinstance<Array<std::int64_t>>(pair[0]) ||
            !py::isinstance<Array<std::int32_t>>(pair[1])) {
            throw py::type_error("ranges are pairs of offsets, int64, and bounds, int32");
        }
        const auto offsets = py::reinterpret_borrow<Array<std::int64_t>>(pair[0]);
        const auto bounds = py::reinterpret_borrow<Array<std::int32_t>>(pair[1]);
        const DocumentRanges of{view(offsets, "offsets"), view(bounds, "bounds", 2)};
        if (bounds.shape(1) != 2) throw py::value_error("bounds must have the shape [n, 2]");
        if (of.offsets.empty() || of.offsets.front() < 0 ||
            !std::is_sorted(of.offsets.begin(), of.offsets.end()) || of.offsets.back() > bounds.shape(0)) {
            throw py::value_error("offsets must rise, within the ranges");
        }
        for (std::size_t d = 0; d + 1 < of.offsets.size(); ++d) {
            const auto first = of.bounds.begin() + 2 * of.offsets[d];
            const auto last = of.bounds.begin() + 2 * of.offsets[d + 1];
            if (first != last && (*first < 0 || !std::is_sorted(first, last))) {
                throw py::value_error("the ranges of document " + std::to_string(d) + " overlap");
            }
        }
        found.push_back(of);
    }
    return found;
}

// Of an array as long as the ids: what the spans hold, as a store has it.
void give_stored(const py::array& stored, std::size_t items, std::vector<ObjectiveSpan>& spans) {
    const bool narrow = py::isinstance<Array<std::uint16_t>>(stored);
    if (!narrow && !py::isinstance<Array<std::int32_t>>(stored)) {
        throw py::type_error("stored tokens are uint16 or int32, in order");
    }
    if (static_cast<std::size_t>(stored.size()) != items) {
        throw py::value_error("stored tokens must be as input_ids");
    }
    for (ObjectiveSpan& span : spans) {
        if (span.labels_tell) throw py::value_error("labels do not tell of stored tokens");
        if (narrow) {
            span.tokens16 = static_cast<const std::uint16_t*>(stored.data()) + span.begin;
        } else {
            span.tokens32 = static_cast<const std::int32_t*>(stored.data()) + span.begin;
        }
    }
}

template <typename Id>
py::tuple apply(const Objective& objective, Array<Id>& input_ids, std::optional<Array<Id>>& labels,
                std::optional<Array<Id>>& position_ids, std::optional<Array<float>>& loss_mask,
                const Array<std::int64_t>& begins, const Array<std::int64_t>& lengths,
                const Array<std::uint64_t>& keys, bool labels_tell, int num_threads,
                std::optional<Array<Id>>& segment_ids, const std::optional<Array<std::int64_t>>& rooms,
                std::int64_t pad_id, const std::optional<py::array>& stored) {
    ObjectiveArrays<Id> arrays;
    const std::span<Id> ids = writable_view(input_ids, "input_ids");
    arrays.input_ids = ids.data();
    const auto other = [&](auto& array, const char* name) {
        using Item = typename std::remove_reference_t<decltype(*array)>::value_type;
        if (!array) return static_cast<Item*>(nullptr);
        const std::span<Item> items = writable_view(*array, name);
        if (items.size() != ids.size()) throw py::value_error(std::string(name) + " must be as input_ids");
        return items.data();
    };
    arrays.labels = other(labels, "labels");
    arrays.position_ids = other(position_ids, "position_ids");
    arrays.loss_mask = other(loss_mask, "loss_mask");
    arrays.segment_ids = other(segment_ids, "segment_ids");
    arrays.pad_id = pad_id;
    if (arrays.labels == nullptr && objective.needs_labels()) {
        throw py::value_error("this objective needs labels");
    }
    std::vector<ObjectiveSpan> spans = spans_of(begins, lengths, keys, ids.size(), labels_tell, rooms);
    if (stored) {
        if (!objective.writes_tokens()) throw py::value_error("this objective takes no stored tokens");
        give_stored(*stored, ids.size(), spans);
    }
    std::vector<std::int32_t> grown(spans.size());
    for (std::size_t i = 0; i < spans.size(); ++i) {
        grown[i] = static_cast<std::int32_t>(spans[i].length);
        spans[i].grown = &grown[i];
    }
    std::vector<std::int64_t> counts(kMostCounts);
    arrays.counts = counts.data();
    // What it adds is of no use without the rows of a batch: it goes to memory that is thrown away.
    std::vector<std::vector<std::byte>> scratch(objective.extras().size());
    std::vector<std::byte*> extras;
    for (std::vector<std::byte>& one : scratch) {
        one.resize(ids.size() * sizeof(std::int64_t));
        extras.push_back(one.data());
    }
    arrays.extras = extras;
    {
        const GilRelease release;
        apply_objective(objective, spans, arrays, num_threads);
    }
    return py::make_tuple(to_numpy(std::move(grown)), to_numpy(std::move(counts)));
}

template <typename Id>
void add_apply(py::classh<Objective>& type) {
    type.def("apply", &apply<Id>, py::arg("input_ids").noconvert(), py::arg("labels").noconvert(),
             py::arg("position_ids").noconvert(), py::arg("loss_mask").noconvert(),
             py::arg("begins").noconvert(), py::arg("lengths").noconvert(), py::arg("keys").noconvert(),
             py::arg("labels_tell"), py::arg("num_threads"), py::kw_only(),
             py::arg("segment_ids").noconvert() = py::none(), py::arg("rooms").noconvert() = py::none(),
             py::arg("pad_id") = 0, py::arg("stored").noconvert() = py::none(),
             "Changes the spans of flat arrays; begins rise, spans do not overlap. Returns the lengths that "
             "they have then, and what was counted.");
}

}  // namespace

void register_objective(py::module_& m) {
    py::classh<Replacement>(m, "Replacement", "What stands in the place of a chosen token; chances * 2^32.")
        .def(py::init(&replacement), py::kw_only(), py::arg("mask_below"), py::arg("word_below"),
             py::arg("mask_id"), py::arg("vocab_size"));
    py::classh<Objective> type(m, "Objective", "A change of the arrays of batches, span by span.");
    add_apply<std::int64_t>(type);
    add_apply<std::int32_t>(type);
    type.def_property_readonly("writes_tokens", &Objective::writes_tokens,
                               "Whether it takes the tokens of spans as stores have them.");
    m.def(
        "masked_tokens",
        [](std::uint64_t chance, const Replacement& by, const Array<std::uint32_t>& never,
           const std::optional<Array<std::uint32_t>>& word_starts, const std::string& instructions) {
            if (chance > kCertain) throw py::value_error("a chance is at most 2^32");
            std::optional<TokenSet> starts;
            if (word_starts) starts = tokens_of(*word_starts, "word_starts");
            return masked_tokens(chance, by, tokens_of(never, "never"), std::move(starts),
                                 instructions_named(instructions));
        },
        py::kw_only(), py::arg("chance"), py::arg("replacement"), py::arg("never").noconvert(),
        py::arg("word_starts").noconvert(), py::arg("instructions") = "best",
        "Every token or word is chosen by chance; chances * 2^32.");
    m.def(
        "counted_tokens",
        [](float rate, std::int64_t most, const Replacement& by, const Array<std::uint32_t>& never,
           const std::string& instructions) {
            return counted_tokens(rate, most, by, tokens_of(never, "never"),
                                  instructions_named(instructions));
        },
        py::kw_only(), py::arg("rate"), py::arg("most"), py::arg("replacement"), py::arg("never").noconvert(),
        py::arg("instructions") = "best", "As many draws of a place as the length of the span says.");
    m.def(
        "generator_arrays",
        [](std::shared_ptr<Objective> choosing, double row_share, std::int64_t row_items) {
            if (row_items < 0 && !(row_share > 0)) throw py::value_error("rows must have a size");
            return generator_arrays(std::move(choosing), row_share, row_items);
        },
        py::kw_only(), py::arg("choosing"), py::arg("row_share"), py::arg("row_items"),
        py::keep_alive<0, 1>(), "The masked tokens of every row in arrays of one size, for a generator.");
    m.def(
        "detected_tokens",
        [](std::shared_ptr<Objective> choosing, const Array<std::uint32_t>& never,
           const std::string& instructions) {
            return detected_tokens(std::move(choosing), tokens_of(never, "never"),
                                   instructions_named(instructions));
        },
        py::kw_only(), py::arg("choosing"), py::arg("never").noconvert(), py::arg("instructions") = "best",
        py::keep_alive<0, 1>(), "Labels tell which tokens were replaced.");
    m.def("prefix_targets", &prefix_targets, py::kw_only(), py::arg("rate"),
          "The first tokens of a span are not learned.");
    m.def(
        "masked_ranges",
        [](std::uint64_t chance, bool whole, const Replacement& by, const Array<std::uint32_t>& never,
           const py::list& ranges) {
            return masked_ranges(chance, whole, by, tokens_of(never, "never"), ranges_of(ranges));
        },
        py::kw_only(), py::arg("chance"), py::arg("whole"), py::arg("replacement"),
        py::arg("never").noconvert(), py::arg("ranges"), py::keep_alive<0, 5>(),
        "Ranges of documents are chosen; of every store offsets [D + 1] and bounds [M, 2], which must stay.");
    register_infilling(m);
    register_positions(m);
    register_word_borders(m);
    register_clusters(m);
}

}  // namespace pypack::bindings
