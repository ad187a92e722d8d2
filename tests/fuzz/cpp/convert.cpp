// Files of other libraries: messages, pickles and varints, cut and bent; what is read of them is in place,
// and what is written of that is read again.
#include <algorithm>

#include "convert/byte_rows.hpp"
#include "convert/examples.hpp"
#include "convert/pickled_numbers.hpp"
#include "convert/varints.hpp"
#include "target.hpp"

namespace fuzz {

namespace {

using Bytes = std::span<const std::uint8_t>;

Bytes as_bytes(std::string_view bytes) {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

template <typename Item>
std::span<const Item> span_of(const pypack::Buffer<Item>& items) {
    return {items.data(), static_cast<std::size_t>(items.size())};
}

std::string text_of(const pypack::Buffer<std::uint8_t>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(bytes.size())};
}

void check_rows(const pypack::ByteRows& rows, std::size_t count) {
    const auto bounds = span_of(rows.bounds);
    check(bounds.size() == count + 1, "a row is lost");
    check(bounds.front() == 0 && bounds.back() == rows.data.size(), "bytes of no row");
    check(std::is_sorted(bounds.begin(), bounds.end()), "bounds fall");
}

void read_numbers(Bytes bytes, std::span<const std::int64_t> bounds) {
    const pypack::NumberRows rows = pypack::read_varints({bytes, bounds});
    check(rows.offsets.size() == static_cast<std::int64_t>(bounds.size()), "a row is lost");
    const auto written = pypack::write_varints(span_of(rows.values), span_of(rows.offsets));
    check_rows(written, bounds.size() - 1);
    const auto again = pypack::read_varints({span_of(written.data), span_of(written.bounds)});
    check(std::ranges::equal(span_of(again.values), span_of(rows.values)), "numbers change");
    check(std::ranges::equal(span_of(again.offsets), span_of(rows.offsets)), "rows change");
}

void examples(std::string_view bytes) {
    const std::size_t cut = number(bytes, 400) % (bytes.size() + 1);
    const Exact first(bytes.substr(0, cut)), second(bytes.substr(cut));
    std::vector<std::string_view> names;
    for (const auto& [name, kind] : pypack::example_features(first.view())) {
        check(kind >= 1 && kind <= 3, "a kind that there is not");
        names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    const std::vector<std::string_view> alone{first.view()}, both{first.view(), second.view()};
    const auto one = pypack::read_examples(alone, names);
    check(one.size() == names.size(), "a feature is lost");
    for (const pypack::Feature& feature : one) {
        check_rows(feature.values, 1);
        if (feature.kind == 3) read_numbers(span_of(feature.values.data), span_of(feature.values.bounds));
    }
    for (const pypack::Feature& feature : pypack::read_examples(both, names)) {
        check_rows(feature.values, 2);
    }
}

void pickles(std::string_view bytes) {
    const Exact pickle(bytes);
    const auto at = static_cast<std::int64_t>(bytes.size() / 3);
    for (const std::int64_t place : {std::int64_t{0}, at, static_cast<std::int64_t>(bytes.size())}) {
        const pypack::PickledList list = pypack::read_pickled_list(pickle.view(), place);
        check(list.end >= 0 && list.end <= static_cast<std::int64_t>(bytes.size()),
              "it ends behind its file");
        if (list.kind != pypack::PickledList::Kind::kInts) continue;
        check(list.end > place && list.ints.size() > 0, "numbers out of nothing");
        if (std::ranges::any_of(span_of(list.ints), [](std::int32_t value) { return value < 0; })) continue;
        const std::vector<std::int64_t> whole{0, list.ints.size()};
        const auto opcodes = pypack::pickle_numbers(span_of(list.ints), std::span(whole));
        const std::string spelled = "(" + text_of(opcodes.data) + "e";
        const auto again = pypack::read_pickled_list(spelled, 0);
        check(again.end == static_cast<std::int64_t>(spelled.size()), "not all is read again");
        check(std::ranges::equal(span_of(again.ints), span_of(list.ints)), "numbers change");
    }
}

void rows(std::string_view bytes) {
    std::vector<std::int64_t> bounds, lengths;
    for (std::size_t count = number(bytes, 6); count > 0; --count) {
        bounds.push_back(static_cast<std::int64_t>(number(bytes, 200)) - 2);
        lengths.push_back(static_cast<std::int64_t>(number(bytes, 200)) - 2);
    }
    const Exact data(bytes);
    try {
        const auto sliced = pypack::slice_rows(as_bytes(data.view()), bounds, lengths);
        check_rows(sliced, bounds.size());
        const std::vector<pypack::ByteRowsView> parts(2, {span_of(sliced.data), span_of(sliced.bounds)});
        const auto woven = pypack::interleave_rows(parts);
        check_rows(woven, bounds.size());
        check(woven.data.size() == 2 * sliced.data.size(), "bytes are lost");
    } catch (const std::invalid_argument&) {  // the other readers see these bytes, too
    }
    read_numbers(as_bytes(data.view()), bounds);
}

}  // namespace

std::vector<std::string> seeds() {
    using namespace std::string_literals;
    const std::string ids =
        "\x0a\x14\x0a\x12\x0a\x03ids\x12\x0b\x1a\x09\x0a\x07\x01\x02\xac\x02\xff\xff\x03"s;
    const std::string text = "\x0a\x0f\x0a\x0d\x0a\x01t\x12\x08\x0a\x06\x0a\x04text"s;
    const std::string loose = "\x0a\x10\x0a\x0e\x0a\x01n\x12\x09\x1a\x07\x08\x05\x08\x96\x01\x08\x07"s;
    const std::string list =
        "\x94(K\x01M\x01\x02J\x01\x02\x03\x04"
        "e\x95\1\0\0\0\0\0\0\0K\7ae"s;
    const std::string flags =
        "q\x05(\x88\x89\x88"
        "e."s;
    const std::string floats = "r\1\0\0\0(G\x3f\xf0\0\0\0\0\0\0G\0\0\0\0\0\0\0\0e"s;
    std::vector<std::string> found;
    for (const std::string& example : {ids, text, loose}) {
        found.push_back(std::string(1, '\0') + static_cast<char>(example.size()) + example + example);
    }
    for (const std::string& pickle : {list, flags, floats}) found.push_back('\1' + pickle);
    found.push_back("\2\3\2\4\6\5\11\7\1\2\xac\2\xff\xff\3\0\0\1\1\1"s);
    return found;
}

void run(std::string_view bytes) {
    switch (number(bytes, 3)) {
        case 0:
            return examples(bytes);
        case 1:
            return pickles(bytes);
        default:
            return rows(bytes);
    }
}

}  // namespace fuzz
