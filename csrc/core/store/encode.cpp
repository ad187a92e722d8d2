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
               std::span<const TokenId> begin_ids, std::span<const TokenId> end_ids, std::int64_t limit,
               std::int64_t first_row, T* out) {
    for (std::size_t row = 0; row + 1 < offsets.size(); ++row) {
        const auto tokens = values.subspan(static_cast<std::size_t>(offsets[row]),
                                           static_cast<std::size_t>(offsets[row + 1] - offsets[row]));
        for (const TokenId id : begin_ids) *out++ = static_cast<T>(id);
        const TokenId largest = narrow(tokens, out);
        if (!tokens.empty() && largest >= limit) {
            throw std::invalid_argument("document " + std::to_string(first_row + static_cast<Offset>(row)) +
                                        ": token id " + std::to_string(largest) +
                                        " is not below the vocabulary size (or the dtype's limit) " +
                                        std::to_string(limit));
        }
        out += tokens.size();
        for (const TokenId id : end_ids) *out++ = static_cast<T>(id);
    }
}

}  // namespace

void encode_documents(std::span<const TokenId> values, std::span<const Offset> offsets,
                      std::span<const TokenId> begin_ids, std::span<const TokenId> end_ids,
                      std::int64_t vocab_size, TokenDtype dtype, std::int64_t first_row,
                      std::span<std::byte> out) {
    visit_dtype(dtype, [&](auto zero) {
        using T = decltype(zero);
        std::int64_t limit = vocab_size;
        if constexpr (sizeof(T) < sizeof(std::int64_t)) {
            limit = std::min(limit, static_cast<std::int64_t>(std::numeric_limits<T>::max()) + 1);
        }
        const auto check = [limit](std::span<const TokenId> ids, const char* which) {
            for (const TokenId id : ids) {
                if (id < limit) continue;
                throw std::invalid_argument(std::string(which) + " id " + std::to_string(id) +
                                            " is not below the vocabulary size (or the dtype's limit) " +
                                            std::to_string(limit));
            }
        };
        check(begin_ids, "begin-of-document");
        check(end_ids, "end-of-document");
        encode_as<T>(values, offsets, begin_ids, end_ids, limit, first_row, reinterpret_cast<T*>(out.data()));
    });
}

}  // namespace pypack
