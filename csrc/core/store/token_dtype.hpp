// The number types that tokens have on disk, by the codes that Megatron-Core writes into an index
// (megatron/core/datasets/indexed_dataset.py, class DType). Its two float types never hold tokens.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pypack {

enum class TokenDtype : std::uint8_t {
    kUint8 = 1,
    kInt8 = 2,
    kInt16 = 3,
    kInt32 = 4,
    kInt64 = 5,
    kUint16 = 8
};

[[nodiscard]] constexpr std::optional<TokenDtype> token_dtype_from_code(std::uint8_t code) {
    if ((code >= 1 && code <= 5) || code == 8) return static_cast<TokenDtype>(code);
    return std::nullopt;
}

[[nodiscard]] constexpr std::int64_t item_size(TokenDtype dtype) {
    switch (dtype) {
        case TokenDtype::kUint8:
        case TokenDtype::kInt8:
            return 1;
        case TokenDtype::kInt16:
        case TokenDtype::kUint16:
            return 2;
        case TokenDtype::kInt32:
            return 4;
        case TokenDtype::kInt64:
            return 8;
    }
    return 0;
}

[[nodiscard]] constexpr std::string_view dtype_name(TokenDtype dtype) {
    switch (dtype) {
        case TokenDtype::kUint8:
            return "uint8";
        case TokenDtype::kInt8:
            return "int8";
        case TokenDtype::kInt16:
            return "int16";
        case TokenDtype::kUint16:
            return "uint16";
        case TokenDtype::kInt32:
            return "int32";
        case TokenDtype::kInt64:
            return "int64";
    }
    return "";
}

// Calls visit(T{}) with T the C++ type of `dtype`.
template <typename Visitor>
decltype(auto) visit_dtype(TokenDtype dtype, Visitor&& visit) {
    switch (dtype) {
        case TokenDtype::kUint8:
            return visit(std::uint8_t{});
        case TokenDtype::kInt8:
            return visit(std::int8_t{});
        case TokenDtype::kInt16:
            return visit(std::int16_t{});
        case TokenDtype::kUint16:
            return visit(std::uint16_t{});
        case TokenDtype::kInt32:
            return visit(std::int32_t{});
        case TokenDtype::kInt64:
            break;
    }
    return visit(std::int64_t{});
}

}  // namespace pypack
