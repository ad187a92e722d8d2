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

#if PYPACK_X86_DISPATCH

[[nodiscard]] __attribute__((target("sse4.2"))) std::uint32_t with_instruction(std::string_view bytes,
                                                                               std::uint32_t value) {
    std::uint64_t wide = value;
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

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
#if PYPACK_X86_DISPATCH
    static const bool has_instruction = __builtin_cpu_supports("sse4.2");
    if (has_instruction) return ~with_instruction(bytes, ~before);
#endif
    return crc32c_portable(bytes, before);
}

}  // namespace pypack
