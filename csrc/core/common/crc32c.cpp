#include "common/crc32c.hpp"

#include <array>
#include <cstddef>
#include <cstring>

#include "common/simd.hpp"

namespace pypack {

namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;  // reversed
constexpr std::size_t kWord = 8;

using Tables = std::array<std::array<std::uint32_t, 256>, kWord>;

// tables[k][b]: what byte b does to the checksum k bytes further on.
constexpr Tables make_tables() {
    Tables tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
        tables[0][byte] = value;
    }
    for (std::size_t k = 1; k < kWord; ++k) {
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t before = tables[k - 1][byte];
            tables[k][byte] = (before >> 8) ^ tables[0][before & 0xFF];
        }
    }
    return tables;
}

constexpr Tables kTables = make_tables();

[[nodiscard]] std::uint32_t add_byte(std::uint32_t value, char byte) {
    return (value >> 8) ^ kTables[0][(value ^ static_cast<unsigned char>(byte)) & 0xFF];
}

// A checksum is a polynomial modulo kPolynomial, its highest bit the coefficient of 1: zero bytes behind the
// data multiply it by powers of x.
[[nodiscard]] constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
    std::uint32_t product = 0;
    for (; a != 0; a <<= 1) {
        if ((a >> 31) != 0) product ^= b;
        b = (b >> 1) ^ ((b & 1) != 0 ? kPolynomial : 0);
    }
    return product;
}

constexpr std::uint32_t kOne = 0x80000000;
constexpr std::uint32_t kOneByte = kOne >> 8;

// What so many bytes behind the data multiply a checksum by.
[[nodiscard]] constexpr std::uint32_t power_of_bytes(std::uint64_t count) {
    std::uint32_t power = kOne;
    for (std::uint32_t square = kOneByte; count != 0; count >>= 1, square = multiply(square, square)) {
        if ((count & 1) != 0) power = multiply(power, square);
    }
    return power;
}

#if PYPACK_X86_DISPATCH

// The instruction takes three cycles and one can begin in each: three parts of the data side by side.
constexpr std::size_t kPart = 1024;

using PartTables = std::array<std::array<std::uint32_t, 256>, 4>;

constexpr PartTables make_part_tables() {
    constexpr std::uint32_t kPower = power_of_bytes(kPart);
    PartTables tables{};
    for (std::uint32_t k = 0; k < tables.size(); ++k) {
        for (std::uint32_t byte = 0; byte < 256; ++byte) tables[k][byte] = multiply(kPower, byte << (8 * k));
    }
    return tables;
}

constexpr PartTables kPartTables = make_part_tables();

// With a part of zero bytes behind.
[[nodiscard]] std::uint32_t moved_by_a_part(std::uint64_t value) {
    return kPartTables[0][value & 0xFF] ^ kPartTables[1][(value >> 8) & 0xFF] ^
           kPartTables[2][(value >> 16) & 0xFF] ^ kPartTables[3][(value >> 24) & 0xFF];
}

[[nodiscard]] __attribute__((target("sse4.2"))) std::uint32_t with_instruction(std::string_view bytes,
                                                                               std::uint32_t value) {
    std::uint64_t wide = value;
    const auto word_at = [&](std::size_t at) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, kWord);
        return word;
    };
    for (; bytes.size() >= 3 * kPart; bytes.remove_prefix(3 * kPart)) {
        std::uint64_t second = 0;
        std::uint64_t third = 0;
        for (std::size_t at = 0; at < kPart; at += kWord) {
            wide = _mm_crc32_u64(wide, word_at(at));
            second = _mm_crc32_u64(second, word_at(at + kPart));
            third = _mm_crc32_u64(third, word_at(at + 2 * kPart));
        }
        wide = moved_by_a_part(moved_by_a_part(wide) ^ second) ^ third;
    }
    while (bytes.size() >= kWord) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data(), kWord);
        wide = _mm_crc32_u64(wide, word);
        bytes.remove_prefix(kWord);
    }
    value = static_cast<std::uint32_t>(wide);
    for (const char byte : bytes) value = add_byte(value, byte);
    return value;
}

#endif

}  // namespace

std::uint32_t crc32c_portable(std::string_view bytes, std::uint32_t before) {
    std::uint32_t value = ~before;
    while (bytes.size() >= kWord) {
        std::uint32_t next = 0;
        for (std::size_t k = 0; k < kWord; ++k) {
            auto byte = static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[k]));
            if (k < sizeof(value)) byte ^= (value >> (8 * k)) & 0xFF;
            next ^= kTables[kWord - 1 - k][byte];
        }
        value = next;
        bytes.remove_prefix(kWord);
    }
    for (const char byte : bytes) value = add_byte(value, byte);
    return ~value;
}

std::uint32_t crc32c_join(std::uint32_t first, std::uint32_t second, std::uint64_t second_bytes) {
    return multiply(power_of_bytes(second_bytes), first) ^ second;
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
#if PYPACK_X86_DISPATCH
    static const bool has_instruction = __builtin_cpu_supports("sse4.2");
    if (has_instruction) return ~with_instruction(bytes, ~before);
#endif
    return crc32c_portable(bytes, before);
}

}  // namespace pypack
