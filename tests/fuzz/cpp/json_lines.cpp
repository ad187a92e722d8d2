// JSON lines: every line is a document or an odd line, in order, and texts are valid UTF-8.
#include "corpus/json_lines.hpp"

#include "common/valid_utf8.hpp"
#include "target.hpp"
#include "tokenize/text/text_view.hpp"

namespace fuzz {

std::vector<std::string> seeds() {
    return {
        "{\"text\": \"a\"}\n{\"id\": [1, {\"x\": null}], \"text\": \"b\\u00e9\\ud83d\\ude42\\n\"}\n",
        "{\"text\": \"a\", \"text\": \"b\"}\r\n\n  {\"n\": 1e5, \"t\\u0065xt\": \"c\"}",
        "{\"text\": \"\\ud83d\"}\n[1]\n{\"text\": 5}\n{\"text\": \"\xc3\xa9\xf0\x9f\x99\x82\", \"id\": "
        "-0.5}\n",
        "{\"id\": \"\", \"a\": {\"b\": [[[[]]]]}, \"text\": \"\"}\nnull\n{",
    };
}

void run(std::string_view bytes) {
    const Exact block(bytes);
    const auto found = pypack::scan_json_lines(block.view(), "text", {"id", "a"}, 1 << 12);
    const auto documents = static_cast<std::int64_t>(found.lines.size());
    check(found.text_offsets.size() == found.lines.size() + 1, "offsets do not fit the documents");
    check(documents + static_cast<std::int64_t>(found.odd.size()) == found.num_lines, "a line is lost");
    for (std::int64_t i = 1; i < documents; ++i) {
        check(found.lines.data()[i - 1] < found.lines.data()[i], "lines out of order");
        check(found.ends.data()[i - 1] < found.ends.data()[i], "ends out of order");
    }
    const std::string_view text(reinterpret_cast<const char*>(found.text.data()),
                                static_cast<std::size_t>(found.text_offsets.data()[documents]));
    check(pypack::valid_utf8_prefix(text) == text.size(), "a document is no UTF-8");
}

}  // namespace fuzz
