#include "pack/stream/piece_bytes.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

namespace pypack {

namespace {

void append(std::uint64_t value, std::vector<std::uint8_t>& bytes) {
    for (; value >= 128; value >>= 7) bytes.push_back(static_cast<std::uint8_t>(value | 128));
    bytes.push_back(static_cast<std::uint8_t>(value));
}

class Reader {
  public:
    explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    [[nodiscard]] bool at_end() const { return at_ == bytes_.size(); }

    // The next number, which is from `least` to `most`, below 2^56 - 1.
    std::uint64_t next(const char* name, std::uint64_t least, std::uint64_t most) {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 56; shift += 7) {
            if (at_end()) throw std::invalid_argument("damaged pieces: they end within a number");
            const std::uint8_t byte = bytes_[at_++];
            value |= std::uint64_t{byte & 127U} << shift;
            if (byte >= 128) continue;
            if (value < least || value > most) break;
            return value;
        }
        throw std::invalid_argument("damaged pieces: byte " + std::to_string(at_ - 1) + " ends a " + name +
                                    " that is not from " + std::to_string(least) + " to " +
                                    std::to_string(most));
    }

  private:
    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
};

}  // namespace

std::vector<std::uint8_t> pieces_to_bytes(std::span<const Piece> pieces, std::int64_t next_document,
                                          Length sequence_length) {
    std::vector<std::uint8_t> bytes;
    bytes.reserve(4 * pieces.size());
    std::int64_t newer = next_document;
    for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) {
        const bool has_start = piece->start > 0;
        const auto gap = static_cast<std::uint64_t>(newer) - static_cast<std::uint64_t>(piece->document);
        append(2 * gap + (has_start ? 1 : 0), bytes);
        append(static_cast<std::uint64_t>(piece->length), bytes);
        if (has_start) append(static_cast<std::uint64_t>(piece->start / sequence_length), bytes);
        newer = piece->document;
    }
    return bytes;
}

std::vector<Piece> pieces_from_bytes(std::span<const std::uint8_t> bytes, std::int64_t next_document,
                                     Length sequence_length) {
    if (next_document < 0) {
        throw std::invalid_argument("damaged pieces: a packer that has taken " +
                                    std::to_string(next_document) + " documents");
    }
    const auto longest = static_cast<std::uint64_t>(sequence_length);
    std::vector<Piece> pieces;
    std::int64_t newer = next_document;
    for (Reader reader(bytes); !reader.at_end();) {
        const std::uint64_t gap_and_flag =
            reader.next("gap between documents", 2, 2 * static_cast<std::uint64_t>(newer) + 1);
        Piece& piece = pieces.emplace_back();
        piece.document = newer - static_cast<std::int64_t>(gap_and_flag / 2);
        piece.length = static_cast<Length>(reader.next("length", 1, longest));
        piece.start = 0;
        if (gap_and_flag % 2 != 0) {
            const std::uint64_t most = std::numeric_limits<Length>::max() / longest;
            piece.start = static_cast<Length>(reader.next("start in sequences", 1, most) * longest);
        }
        newer = piece.document;
    }
    std::reverse(pieces.begin(), pieces.end());
    return pieces;
}

}  // namespace pypack
