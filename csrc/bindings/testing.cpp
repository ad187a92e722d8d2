// `_core._testing`: kernels that only tests call, to hold them against their definitions on every instruction
// set. The package itself reaches them through others.
#include <pybind11/stl.h>

#include <numeric>

#include "batch/item_loops.hpp"
#include "batch/square_sums.hpp"
#include "bindings/common/arrays.hpp"
#include "bindings/common/gil.hpp"
#include "bindings/register.hpp"
#include "common/json_string.hpp"
#include "common/permutation.hpp"
#include "common/tabled_permutation.hpp"
#include "common/valid_utf8.hpp"
#include "pack/balance/lpt_to_rank.hpp"
#include "pack/balance/sort_step.hpp"
#include "pack/best_fit/columns.hpp"
#include "pack/best_fit/span_words.hpp"
#include "pack/decompose/binary_cuts.hpp"
#include "store/mask_bits.hpp"
#include "tokenize/unicode/classes.hpp"
#include "tokenize/unicode/graphemes.hpp"
#include "tokenize/vocabulary/serde_number.hpp"

namespace pypack::bindings {

namespace {

py::array_t<std::int64_t> permute_range(std::uint64_t size, std::uint64_t key, std::uint64_t start,
                                        std::uint64_t stop, const std::string& instructions) {
    if (start > stop || stop > size) {
        throw py::value_error(
            "permute_range: need start <= stop <= size, got start=" + std::to_string(start) +
            " stop=" + std::to_string(stop) + " size=" + std::to_string(size));
    }
    const Permutation permutation(size, key);
    std::vector<std::int64_t> out(stop - start);
    std::iota(out.begin(), out.end(), static_cast<std::int64_t>(start));
    // int64 and uint64 may stand for one another; the images are below 2^63, as sizes are.
    const std::span<std::uint64_t> indices(reinterpret_cast<std::uint64_t*>(out.data()), out.size());
    if (instructions != "tables") {
        const GilRelease release;
        permutation.apply(indices, instructions_named(instructions));
    } else if (TabledPermutation::fits(permutation)) {
        TabledPermutation(permutation).apply(indices);
    } else {
        throw py::value_error("tables are for up to 2^24, got " + std::to_string(size));
    }
    return to_numpy(std::move(out));
}

py::tuple select_bucket(const Array<Length>& lengths, int bucket, std::int64_t first_document,
                        std::size_t room, const std::string& instructions) {
    const auto documents = view(lengths, "lengths");
    std::vector<std::int64_t> found(room);
    std::vector<Length> starts(room);
    const std::size_t count = pypack::select_bucket(documents, bucket, first_document, room, found.data(),
                                                    starts.data(), instructions_named(instructions));
    found.resize(count);
    starts.resize(count);
    return py::make_tuple(to_numpy(std::move(found)), to_numpy(std::move(starts)));
}

py::array_t<std::uint32_t> select_long(const Array<Length>& lengths, Length least,
                                       const std::string& instructions) {
    const auto documents = view(lengths, "lengths");
    std::vector<std::uint32_t> positions(documents.size() + kMostSelectedAtOnce);
    positions.resize(
        pypack::select_long(documents, least, positions.data(), instructions_named(instructions)));
    return to_numpy(std::move(positions));
}

// Ids and labels of tokens, written from some place of a cache line on.
template <typename Token, typename Id>
py::tuple widen_masked(const Array<Token>& tokens, const Array<std::uint8_t>& mask, std::int64_t first_bit,
                       std::int64_t behind_line, const std::string& instructions) {
    const auto from = view(tokens, "tokens");
    const auto bits = view(mask, "mask");
    const auto n = static_cast<std::int64_t>(from.size());
    if (first_bit < 0 || behind_line < 0 ||
        mask_bytes(first_bit + n) > static_cast<std::int64_t>(bits.size())) {
        throw py::value_error("the mask is too short");
    }
    std::vector<Id> ids(from.size() + 16 + static_cast<std::size_t>(behind_line));
    std::vector<Id> labels(from.size());
    const auto address = reinterpret_cast<std::uintptr_t>(ids.data());
    Id* const out = ids.data() + (64 - address % 64) % 64 / sizeof(Id) + behind_line;
    pypack::widen_masked(from.data(), n, out, labels.data(), reinterpret_cast<const std::byte*>(bits.data()),
                         first_bit, instructions_named(instructions));
    return py::make_tuple(to_numpy(std::vector<Id>(out, out + n)), to_numpy(std::move(labels)));
}

template <typename Property>
py::array_t<std::uint8_t> property_of_all(Property property) {
    constexpr char32_t kEnd = 0x110000;
    std::vector<std::uint8_t> out(kEnd);
    for (char32_t code_point = 0; code_point < kEnd; ++code_point) {
        out[code_point] = static_cast<std::uint8_t>(property(code_point));
    }
    return to_numpy(std::move(out));
}

py::array_t<double> parse_serde_numbers(const std::vector<std::string>& texts) {
    std::vector<double> numbers;
    for (const std::string& text : texts) numbers.push_back(parse_serde_number(text));
    return to_numpy(std::move(numbers));
}

// Rows values[offsets[i]] .. values[offsets[i + 1]].
py::array_t<std::uint64_t> sum_squares(const Array<Length>& values, const std::vector<std::size_t>& offsets,
                                       const std::string& instructions) {
    const auto all = view(values, "values");
    std::vector<std::span<const Length>> rows;
    for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
        if (offsets[i + 1] < offsets[i] || offsets[i + 1] > all.size()) throw py::value_error("offsets");
        rows.push_back(all.subspan(offsets[i], offsets[i + 1] - offsets[i]));
    }
    std::vector<std::uint64_t> sums(rows.size());
    square_sums(rows, sums.data(), instructions_named(instructions));
    return to_numpy(std::move(sums));
}

py::array_t<std::uint32_t> sort_step(const Array<std::int64_t>& costs, const std::string& instructions) {
    StepSorter sorter;
    sorter.sort(view(costs, "costs"), instructions_named(instructions));
    return to_numpy(std::vector<std::uint32_t>(sorter.order().begin(), sorter.order().end()));
}

// Words of memory of `size` words, 0 before, in which column i begins at starts[i]; and where each ends.
py::tuple write_columns(const std::vector<std::vector<std::uint64_t>>& rows,
                        const std::vector<std::int64_t>& starts, std::size_t size,
                        const std::string& instructions) {
    std::vector<std::uint64_t> words(size, 0);
    std::vector<const std::uint64_t*> from;
    for (const auto& row : rows) {
        if (row.size() != starts.size() || rows.size() > kMostRows) throw py::value_error("rows");
        from.push_back(row.data());
    }
    if (rows.empty()) throw py::value_error("rows");
    std::vector<std::uint64_t*> columns;
    for (const std::int64_t start : starts) {
        if (start < 0 || static_cast<std::size_t>(start) + rows.size() > size)
            throw py::value_error("starts");
        columns.push_back(words.data() + start);
    }
    rows_to_columns(from.data(), static_cast<int>(rows.size()), std::ssize(starts), columns.data(),
                    resolve(instructions_named(instructions)));
    std::vector<std::int64_t> ends;
    for (const std::uint64_t* const column : columns) ends.push_back(column - words.data());
    return py::make_tuple(to_numpy(std::move(words)), ends);
}

// What is found, as many as are said to be.
py::array_t<std::int64_t> find_beginnings(const Array<std::int64_t>& words, std::int64_t first,
                                          std::size_t room, const std::string& instructions) {
    const auto all = view(words, "words");
    std::vector<std::int64_t> found(room);
    const std::int64_t count = list_beginnings(all.data(), std::ssize(all), first, found.data(),
                                               std::ssize(found), resolve(instructions_named(instructions)));
    found.resize(static_cast<std::size_t>(count));
    return to_numpy(std::move(found));
}

}  // namespace

void register_testing(py::module_& m) {
    py::module_ testing = m.def_submodule("_testing", "Kernels that only tests call.");
    testing.def("permute_range", &permute_range, py::arg("size"), py::arg("key"), py::arg("start"),
                py::arg("stop"), py::arg("instructions") = "best",
                "Images of start..stop-1 under the keyed permutation of [0, size): int64 [stop - start]. "
                "instructions: 'best', 'portable', 'avx2', 'avx512' or 'tables'.");
    testing.def("select_bucket", &select_bucket, py::arg("lengths").noconvert(), py::arg("bucket"),
                py::arg("first_document"), py::arg("room"), py::arg("instructions"),
                "Documents and starts of the pieces of one bucket: int64 [n], int32 [n].");
    testing.def("select_long", &select_long, py::arg("lengths").noconvert(), py::arg("least"),
                py::arg("instructions"), "Positions of the lengths from `least` on: uint32 [n].");
    testing.def(
        "unicode_categories", [] { return property_of_all(unicode::category); },
        "Index of the general category of every code point, in the order of `Category`: uint8 [0x110000].");
    testing.def(
        "unicode_grapheme_classes", [] { return property_of_all(unicode::grapheme_class); },
        "Index of the `GraphemeClass` of every code point: uint8 [0x110000].");
    testing.def(
        "unicode_traits", [] { return property_of_all(unicode::traits); },
        "Bits of `Trait` of every code point: uint8 [0x110000].");
    const auto add_widen_masked = [&](auto kernel, const char* name) {
        testing.def(name, kernel, py::arg("tokens").noconvert(), py::arg("mask").noconvert(),
                    py::arg("first_bit"), py::arg("behind_line"), py::arg("instructions"),
                    "Ids and labels of tokens, -100 where their bit of the mask is 0.");
    };
    add_widen_masked(&widen_masked<std::uint16_t, std::int64_t>, "widen_masked_16_to_64");
    add_widen_masked(&widen_masked<std::uint16_t, std::int32_t>, "widen_masked_16_to_32");
    add_widen_masked(&widen_masked<std::int32_t, std::int64_t>, "widen_masked_32_to_64");
    testing.def(
        "valid_utf8_prefix",
        [](const std::string& bytes, const std::string& instructions) {
            return valid_utf8_prefix(bytes, instructions_named(instructions));
        },
        py::arg("data"), py::arg("instructions"), "Bytes at the start that are valid UTF-8.");
    testing.def(
        "copy_json_string",
        [](const std::string& text, const std::string& instructions) -> py::object {
            std::string decoded(text.size() + kJsonStringSlack, '\0');
            char* out = decoded.data();
            const char* const end = copy_json_string(text.data(), text.data() + text.size(), out,
                                                     instructions_named(instructions));
            if (end == nullptr) return py::none();
            return py::make_tuple(py::bytes(decoded.data(), static_cast<std::size_t>(out - decoded.data())),
                                  end - text.data());
        },
        py::arg("text"), py::arg("instructions"),
        "What stands in a JSON string behind its quote, and where it ends; None if it is none.");
    testing.def("square_sums", &sum_squares, py::arg("values").noconvert(), py::arg("offsets"),
                py::arg("instructions"), "Sums of squares of rows, modulo 2^64: uint64 [n].");
    testing.def("sort_step", &sort_step, py::arg("costs").noconvert(), py::arg("instructions"),
                "Indices of costs by falling cost: uint32 [n].");
    testing.def(
        "lpt_to_rank",
        [](const Array<std::int64_t>& costs, std::int64_t ranks, std::int64_t rank, double even) {
            return lpt_to_rank(view(costs, "costs"), ranks, rank, even);
        },
        py::arg("costs").noconvert(), py::arg("ranks"), py::arg("rank"), py::arg("even"),
        "The items that one rank of a step gets, longest first.");
    testing.def("rows_to_columns", &write_columns, py::arg("rows"), py::arg("starts"), py::arg("size"),
                py::arg("instructions"),
                "Memory of `size` words, uint64, with up to 8 rows written as columns from `starts` on, and "
                "where these end.");
    testing.def("list_beginnings", &find_beginnings, py::arg("words").noconvert(), py::arg("first"),
                py::arg("room"), py::arg("instructions"),
                "first + i for the words below 0, of which there are at most `room`: int64 [n].");
    testing.def("parse_serde_numbers", &parse_serde_numbers, py::arg("texts"),
                "JSON numbers as `tokenizers` reads them, which is not always the nearest: float64 [n].");
}

}  // namespace pypack::bindings
