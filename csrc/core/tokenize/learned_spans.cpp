#include "tokenize/learned_spans.hpp"

#include "tokenize/unicode/utf8.hpp"

namespace pypack {

void to_byte_ranges(std::string_view text, std::span<const ByteRange> ranges, std::vector<ByteRange>& out) {
    out.assign(ranges.begin(), ranges.end());
    std::vector<std::uint32_t*> places;
    for (ByteRange& range : out) {
        places.push_back(&range.start);
        places.push_back(&range.end);
    }
    const auto earlier = [](const std::uint32_t* a, const std::uint32_t* b) { return *a < *b; };
    if (!std::is_sorted(places.begin(), places.end(), earlier)) {
        std::sort(places.begin(), places.end(), earlier);
    }
    std::size_t byte = 0;
    std::uint32_t character = 0;
    for (std::uint32_t* place : places) {
        for (; character < *place && byte < text.size(); ++character) byte += utf8_length(text[byte]);
        const bool is_behind = character < *place;
        *place = static_cast<std::uint32_t>(byte + (is_behind ? 1 : 0));
    }
}

}  // namespace pypack
