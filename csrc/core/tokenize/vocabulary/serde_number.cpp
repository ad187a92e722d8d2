#include "tokenize/vocabulary/serde_number.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <string>

namespace pypack {

namespace {

constexpr int kMaxPower = 308;

// 1e0 ... 1e308, each correctly rounded.
const std::array<double, kMaxPower + 1>& powers_of_ten() {
    static const auto powers = [] {
        std::array<double, kMaxPower + 1> table{};
        for (int i = 0; i <= kMaxPower; ++i) {
            std::string text("1e");
            text += std::to_string(i);
            table[static_cast<std::size_t>(i)] = std::strtod(text.c_str(), nullptr);
        }
        return table;
    }();
    return powers;
}

[[noreturn]] void refuse(std::string_view text) {
    throw std::invalid_argument("'" + std::string(text) + "' is not a number that JSON and double can hold");
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// significand * 10 + digit, unless that is above 2^64 - 1.
bool append_digit(std::uint64_t& significand, char c) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    if (significand > kMax / 10 || (significand == kMax / 10 && digit > kMax % 10)) return false;
    significand = significand * 10 + digit;
    return true;
}

double scale(std::uint64_t significand, int exponent, std::string_view text) {
    auto value = static_cast<double>(significand);
    for (; exponent < -kMaxPower && value != 0; exponent += kMaxPower) value /= powers_of_ten()[kMaxPower];
    if (value == 0) return value;
    if (exponent > kMaxPower) refuse(text);
    const double power = powers_of_ten()[static_cast<std::size_t>(std::abs(exponent))];
    value = exponent >= 0 ? value * power : value / power;
    if (std::isinf(value)) refuse(text);
    return value;
}

}  // namespace

double parse_serde_number(std::string_view text) {
    const char* p = text.data();
    const char* const end = p + text.size();
    const bool negative = p < end && *p == '-';
    if (negative) ++p;
    if (p == end || !is_digit(*p)) refuse(text);
    std::uint64_t significand = 0;
    int exponent = 0;
    for (; p < end && is_digit(*p); ++p) {
        // Once a digit has no room, those after it only count.
        if (exponent > 0 || !append_digit(significand, *p)) ++exponent;
    }
    if (p < end && *p == '.') {
        ++p;
        if (p == end || !is_digit(*p)) refuse(text);
        bool has_room = exponent == 0;
        for (; p < end && is_digit(*p); ++p) {
            has_room = has_room && append_digit(significand, *p);
            if (has_room) --exponent;
        }
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        ++p;
        if (p < end && *p == '+') ++p;
        int written = 0;
        const auto [stop, error] = std::from_chars(p, end, written);
        if (error != std::errc() || std::abs(written) > 1'000'000) refuse(text);
        exponent += written;
        p = stop;
    }
    if (p != end) refuse(text);
    const double value = scale(significand, exponent, text);
    return negative ? -value : value;
}

}  // namespace pypack
