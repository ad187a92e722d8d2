// SentencePiece's precompiled map: any bytes are refused, or give valid UTF-8 for every text.
#include "tokenize/normalize/charsmap.hpp"
#include "common/valid_utf8.hpp"
#include "target.hpp"
#include "tokenize/normalize/normalizer.hpp"
#include "tokenize/text/text_view.hpp"

namespace fuzz {

namespace {

void append_uint32(std::string& bytes, std::uint32_t value) {
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(value >> 8 * i));
}

// A double array of one key, by hand: each byte's node is at `base ^ byte`, and the next base behind it.
std::string map_of(std::string_view key, std::string_view image) {
    std::vector<std::uint32_t> units(2048);
    std::uint32_t base = 256;
    units[0] = base << 10;
    for (const char c : key) {
        const std::uint32_t place = base ^ static_cast<unsigned char>(c);
        const std::uint32_t next = base + 256;
        units[place] = static_cast<unsigned char>(c) | (place ^ next) << 10;
        if (&c == &key.back()) units[place] |= 1U << 8;
        base = next;
    }
    units[base] = 1U << 31;
    std::string bytes;
    append_uint32(bytes, static_cast<std::uint32_t>(4 * units.size()));
    for (const std::uint32_t unit : units) append_uint32(bytes, unit);
    return bytes.append(image).append(1, '\0');
}

}  // namespace

std::vector<std::string> seeds() {
    // The last made a model read and write behind its buffers: it is no text.
    return {map_of("a", "b"), map_of("\u00e9", "e\u0301"), map_of("\ufb01", "fi"), map_of("ab", "\u6f22"),
            map_of("\ufb01", "f\xff")};
}

void run(std::string_view bytes) {
    const auto normalizer = pypack::make_precompiled_normalizer(Exact(bytes).view());
    for (const std::string_view text :
         {"a", "ab\u00e9 \ufb01", "\ufb01\u0301x", "\u6f22\u5b57 e\u0301\u0323"}) {
        std::string out;
        if (!normalizer->normalize(Exact(text).view(), out)) continue;
        check(pypack::valid_utf8_prefix(out) == out.size(), "a charsmap gave bytes that are no UTF-8");
    }
}

}  // namespace fuzz
