// The arrays of a plan, as a file may hold them: proof, totals and histograms on any content.
#include <cstring>
#include <stdexcept>

#include "pack/plan/histograms.hpp"
#include "pack/plan/totals.hpp"
#include "pack/plan/verify.hpp"
#include "target.hpp"

namespace fuzz {

namespace {

template <typename T>
std::vector<T> numbers(std::string_view bytes) {
    std::vector<T> values(bytes.size() / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
}

template <typename T>
void append(std::string& bytes, std::initializer_list<T> values) {
    for (const T value : values) bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

std::vector<std::string> seeds() {
    // Sizes in items: sequences, spans, documents; then the arrays.
    std::string whole("\x02\x03\x03", 3);
    append<std::int64_t>(whole, {0, 2, 3});
    append<std::int64_t>(whole, {0, 1, 2});
    append<std::int32_t>(whole, {0, 0, 0});
    append<std::int32_t>(whole, {3, 2, 5});
    append<std::int32_t>(whole, {5, 5});
    append<std::int32_t>(whole, {3, 2, 5});
    return {whole, std::string(200, '\0')};
}

void run(std::string_view bytes) {
    const std::size_t sequences = number(bytes, 8);
    const std::size_t spans = number(bytes, 8);
    const std::size_t documents = number(bytes, 8);
    const auto cut = [&bytes](std::size_t size) {
        const std::string_view part = bytes.substr(0, size);
        bytes.remove_prefix(part.size());
        return part;
    };
    const auto offsets = numbers<std::int64_t>(cut(8 * (sequences + 1)));
    const auto span_document = numbers<std::int64_t>(cut(8 * spans));
    const auto span_start = numbers<pypack::Length>(cut(4 * spans));
    const auto span_length = numbers<pypack::Length>(cut(4 * spans));
    const auto capacity = numbers<pypack::Length>(cut(4 * sequences));
    const auto lengths = numbers<pypack::Length>(cut(4 * documents));
    const pypack::PlanView plan{offsets, span_document, span_start, span_length, capacity};
    pypack::check_sizes(plan);
    try {
        (void)pypack::verify_alone(plan, static_cast<std::int64_t>(lengths.size()), 1, 4);
    } catch (const std::invalid_argument&) {
    }
    pypack::check_offsets(plan);
    (void)pypack::verify_plan(plan, lengths, 1, 4);
}

}  // namespace fuzz
