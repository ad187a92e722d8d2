#include "common/text_hash.hpp"

#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>

#include "common/interrupt.hpp"
#include "common/random.hpp"

namespace pypack {

void text_hashes(std::span<const std::uint8_t> bytes, std::span<const std::int64_t> offsets,
                 std::span<std::uint64_t> out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
        check_interrupt_at(i);
        const std::int64_t begin = offsets[i];
        const std::int64_t end = offsets[i + 1];
        if (begin < 0 || end < begin || end > static_cast<std::int64_t>(bytes.size())) {
            throw std::invalid_argument("offsets of text " + std::to_string(i) + " leave the bytes");
        }
        auto left = static_cast<std::size_t>(end - begin);
        const std::uint8_t* at = bytes.data() + begin;
        std::uint64_t hash = left;
        for (; left >= 8; left -= 8, at += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, at, 8);
            hash = combine_keys(hash, word);
        }
        std::uint64_t rest = 0;
        for (std::size_t j = 0; j < left; ++j) rest |= std::uint64_t{at[j]} << (8 * j);
        out[i] = combine_keys(hash, rest);
    }
}

}  // namespace pypack
