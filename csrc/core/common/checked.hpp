// Arithmetic on sizes that came from a file or a user: overflow raises instead of wrapping.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace pypack {

[[nodiscard]] inline std::int64_t checked_add(std::int64_t a, std::int64_t b, const char* what) {
    std::int64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        throw std::overflow_error(std::string(what) + " exceeds 2^63-1");
    }
    return sum;
}

[[nodiscard]] inline std::int64_t checked_multiply(std::int64_t a, std::int64_t b, const char* what) {
    std::int64_t product;
    if (__builtin_mul_overflow(a, b, &product)) {
        throw std::overflow_error(std::string(what) + " exceeds 2^63-1");
    }
    return product;
}

}  // namespace pypack
