// JSON lines to documents: one string field of every object, without building the objects.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/buffer.hpp"

namespace pypack {

// A line that the scanner does not take; whoever reads it may find a fault, a blank line, or a document in a
// form that the scanner leaves to others (an escape in a key, deep nesting, a long number).
struct OddLine {
    std::int64_t line;
    std::int64_t begin;
    std::int64_t end;
};

struct JsonDocuments {
    Buffer<std::uint8_t> text;          // the documents' UTF-8, end to end
    Buffer<std::int64_t> text_offsets;  // [D + 1]
    Buffer<std::int64_t> lines;         // [D] number of the document's line in the block
    Buffer<std::int64_t> ends;          // [D] place in the block behind the line and its line end
    std::vector<std::string> kept;  // of each kept field a JSON array of D values, null where there is none
    std::vector<OddLine> odd;
    std::int64_t num_lines = 0;
};

// Takes every line of `block` that is a JSON object in which the last member named `field` is a string. What
// it takes is RFC 8259 JSON in valid UTF-8, but for the values of other fields, in which what Python's json
// takes does no harm (NaN, Infinity, lone surrogates, numbers of any length); whatever is not, or longer than
// `max_line_bytes`, becomes an odd line.
[[nodiscard]] JsonDocuments scan_json_lines(std::string_view block, std::string_view field,
                                            const std::vector<std::string>& keep,
                                            std::int64_t max_line_bytes);

}  // namespace pypack
