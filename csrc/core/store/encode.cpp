#include "store/encode.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

namespace pypack {

namespace {

// Narrows one row and returns its largest id. Branch-free, so that the compiler vectorizes it.
template <typename T>
TokenId narrow(std::span<const TokenId> row, T* out) {
    TokenId largest = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
        largest = std::max(largest, row[i]);
        out[i] = static_cast<T>(row[i]);
    }
    return largest;
}

template <typename T>
void encode_as(std::span<const TokenId> values, std::span<const Offset> offsets,
               std::optional<TokenId> end_id, std::int64_t limit, std::int64_t first_row, T* out) {
    for (std::size_t row = 0; row + 1 < offsets.size(); ++row) {
        const auto tokens = values.subspan(static_cast<std::size_t>(offsets[row]),
                                           static_cast<std::size_t>(offsets[row + 1] - offsets[row]));
        const TokenId largest = narrow(tokens, out);
        if (!tokens.empty() && largest >= limit) {
            throw std::invalid_argument("document " + std::to_string(first_row + static_cast<Offset>(row)) +
                                        ": token id " + std::to_string(largest) +
                                        " is not below the vocabulary size (or the dtype's limit) " +
                                        std::to_string(limit));
        }
        out += tokens.size();
        if (end_id) *out++ = static_cast<T>(*end_id);
    }
}

}  // namespace

void encode_documents(std::span<const TokenId> values, std::span<const Offset> offsets,
                      std::optional<TokenId> end_id, std::int64_t vocab_size, TokenDtype dtype,
                      std::int64_t first_row, std::span<std::byte> out) {
    visit_dtype(dtype, [&](auto zero) {
        using T = decltype(zero);
        std::int64_t limit = vocab_size;
        if constexpr (sizeof(T) < sizeof(std::int64_t)) {
            limit = std::min(limit, static_cast<std::int64_t>(std::numeric_limits<T>::max()) + 1);
        }
        if (end_id && *end_id >= limit) {
            throw std::invalid_argument("end-of-document id " + std::to_string(*end_id) +
                                        " is not below the vocabulary size (or the dtype's limit) " +
                                        std::to_string(limit));
        }
        encode_as<T>(values, offsets, end_id, limit, first_row, reinterpret_cast<T*>(out.data()));
    });
}

}  // namespace pypack
