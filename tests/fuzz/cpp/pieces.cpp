// The buffered pieces of a packer's state: refused, or written again as they were.
#include "pack/stream/piece_bytes.hpp"

#include "target.hpp"

namespace fuzz {

std::vector<std::string> seeds() {
    return {"\x05\x02\x05\x04\x07\x03\x01", std::string("\xff\xff\xff\x7f\x01", 5), "\x64\x02\x01\x02\x01"};
}

void run(std::string_view bytes) {
    constexpr pypack::Length kLengths[] = {1, 8, 4096, 2147483647};
    const pypack::Length sequence_length = kLengths[number(bytes, 4)];
    constexpr std::int64_t kDocuments[] = {0, 5, 1000, 9223372036854775807, -1};
    const std::int64_t next_document = kDocuments[number(bytes, 5)];
    const std::vector<std::uint8_t> input(bytes.begin(), bytes.end());
    const auto pieces = pypack::pieces_from_bytes(input, next_document, sequence_length);
    const auto again = pypack::pieces_to_bytes(pieces, next_document, sequence_length);
    check(pypack::pieces_from_bytes(again, next_document, sequence_length).size() == pieces.size(),
          "pieces change when they are written");
}

}  // namespace fuzz
