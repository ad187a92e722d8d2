#include "corpus/json_lines.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "common/json_string.hpp"

namespace pypack {

namespace {

// Raw bytes of each kept value of one line; empty where the line has none.
using Kept = std::vector<std::string_view>;

// Decodes the text of one line to `out`; returns the place behind it, or nullptr for an odd line.
[[nodiscard]] char* scan_line(const char* p, const char* end, std::string_view field,
                              const std::vector<std::string>& keep, Kept& kept, char* const out) {
    char* text_end = nullptr;
    p = skip_json_space(p, end);
    if (p == end || *p != '{') return nullptr;
    do {
        p = skip_json_space(p + 1, end);
        if (p == end || *p != '"') return nullptr;
        const char* const key_begin = p + 1;
        p = skip_json_string(key_begin, end);
        if (p == nullptr) return nullptr;
        const std::string_view key(key_begin, static_cast<std::size_t>(p - 1 - key_begin));
        if (key.find('\\') != std::string_view::npos) return nullptr;
        p = skip_json_space(p, end);
        if (p == end || *p != ':') return nullptr;
        const char* const value = skip_json_space(p + 1, end);
        if (key == field) {
            // The last member of a name counts, as in other parsers.
            if (value == end || *value != '"') return nullptr;
            text_end = out;
            p = copy_json_string(value + 1, end, text_end);
        } else {
            const bool is_read = std::find(keep.begin(), keep.end(), key) != keep.end();
            p = is_read ? skip_json_value(value, end) : skip_unread_json_value(value, end);
        }
        if (p == nullptr) return nullptr;
        for (std::size_t i = 0; i < keep.size(); ++i) {
            if (key == keep[i]) kept[i] = {value, static_cast<std::size_t>(p - value)};
        }
        p = skip_json_space(p, end);
    } while (p != end && *p == ',');
    if (p == end || *p != '}') return nullptr;
    return skip_json_space(p + 1, end) == end ? text_end : nullptr;
}

}  // namespace

JsonDocuments scan_json_lines(std::string_view block, std::string_view field,
                              const std::vector<std::string>& keep, std::int64_t max_line_bytes) {
    JsonDocuments found;
    found.text = Buffer<std::uint8_t>(static_cast<std::int64_t>(block.size()) + kJsonStringSlack);
    found.text_offsets.push_back(0);
    found.kept.assign(keep.size(), "[");
    Kept kept(keep.size());
    char* const text = reinterpret_cast<char*>(found.text.data());
    char* out = text;
    const char* const begin = block.data();
    const char* const block_end = begin + block.size();
    for (const char* line = begin; line != block_end; ++found.num_lines) {
        const auto* newline =
            static_cast<const char*>(std::memchr(line, '\n', static_cast<std::size_t>(block_end - line)));
        const char* const end = newline != nullptr ? newline : block_end;
        kept.assign(keep.size(), {});
        char* const text_end =
            end - line <= max_line_bytes ? scan_line(line, end, field, keep, kept, out) : nullptr;
        if (text_end == nullptr) {
            found.odd.push_back({found.num_lines, line - begin, end - begin});
        } else {
            for (std::size_t i = 0; i < keep.size(); ++i) {
                if (found.kept[i].size() > 1) found.kept[i] += ',';
                found.kept[i] += kept[i].empty() ? "null" : kept[i];
            }
            out = text_end;
            found.text_offsets.push_back(out - text);
            found.lines.push_back(found.num_lines);
            found.ends.push_back(end - begin + 1);
        }
        line = newline != nullptr ? newline + 1 : block_end;
    }
    for (auto& values : found.kept) values += ']';
    found.text.resize(out - text);
    return found;
}

}  // namespace pypack
