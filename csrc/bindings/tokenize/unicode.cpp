// Bindings of the Unicode tables of csrc/core/tokenize.
#include "bindings/common/arrays.hpp"
#include "bindings/register.hpp"
#include "tokenize/unicode/classes.hpp"
#include "tokenize/unicode/graphemes.hpp"

namespace pypack::bindings {

namespace {

template <typename Property>
py::array_t<std::uint8_t> property_of_all(Property property) {
    constexpr char32_t kEnd = 0x110000;
    std::vector<std::uint8_t> out(kEnd);
    for (char32_t code_point = 0; code_point < kEnd; ++code_point) {
        out[code_point] = static_cast<std::uint8_t>(property(code_point));
    }
    return to_numpy(std::move(out));
}

}  // namespace

void register_unicode(py::module_& m) {
    m.def(
        "unicode_categories", [] { return property_of_all(unicode::category); },
        "Index of the general category of every code point, in the order of `Category`: uint8 [0x110000].");
    m.def(
        "unicode_grapheme_classes", [] { return property_of_all(unicode::grapheme_class); },
        "Index of the `GraphemeClass` of every code point: uint8 [0x110000].");
    m.def(
        "unicode_traits", [] { return property_of_all(unicode::traits); },
        "Bits of `Trait` of every code point: uint8 [0x110000].");
}

}  // namespace pypack::bindings
