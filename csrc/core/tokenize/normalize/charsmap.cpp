#include "tokenize/normalize/charsmap.hpp"

#include <stdexcept>

#include "common/valid_utf8.hpp"
#include "tokenize/text/text_view.hpp"
#include "tokenize/unicode/utf8.hpp"

namespace pypack {

namespace {

constexpr char32_t kNumCodePoints = 0x110000;
constexpr std::size_t kBlock = 128;

std::uint32_t read_uint32(const char* bytes) {
    const auto byte = [bytes](int i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]));
    };
    return byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
}

}  // namespace

Charsmap::Charsmap(std::string_view bytes) : blocks_(kNumCodePoints / kBlock), values_(kBlock) {
    const std::size_t num_bytes = bytes.size() < 4 ? 0 : read_uint32(bytes.data());
    if (num_bytes < 4 || num_bytes % 4 != 0 || num_bytes > bytes.size() - 4) {
        throw std::invalid_argument("precompiled_charsmap: " + std::to_string(bytes.size()) +
                                    " bytes cannot hold a trie of " + std::to_string(num_bytes));
    }
    for (std::size_t i = 0; i < num_bytes; i += 4) units_.push_back(read_uint32(bytes.data() + 4 + i));
    replacements_ = bytes.substr(4 + num_bytes);
    check_replacements();

    // U+0000 ends a key, so that it never has a replacement.
    for (unsigned lead = 1; lead < 0xF5; ++lead) {
        const auto node = step(root(), static_cast<unsigned char>(lead));
        if (!node) continue;
        if (lead < 0x80) {
            index_characters(*node, lead, 0, 0);
        } else if (lead >= 0xF0) {
            index_characters(*node, (lead & 0x07) << 18, 18, 0x10000);
        } else if (lead >= 0xE0) {
            index_characters(*node, (lead & 0x0F) << 12, 12, 0x800);
        } else if (lead >= 0xC0) {
            index_characters(*node, (lead & 0x1F) << 6, 6, 0x80);
        }
    }
}

std::optional<Charsmap::Node> Charsmap::step(const Node& node, unsigned char byte) const {
    const std::size_t place = node.base ^ byte;
    if (place >= units_.size()) return std::nullopt;
    const std::uint32_t unit = units_[place];
    if ((unit & kLabel) != byte) return std::nullopt;
    Node child{static_cast<std::uint32_t>(place) ^ offset_of(unit), std::nullopt};
    if ((unit & kHasLeaf) != 0 && child.base < units_.size()) child.value = units_[child.base] & kValue;
    return child;
}

// Everything that find() can come to, so that no text makes it read outside of the map or give what is no
// UTF-8: a double array is walked edge by edge, each edge once, whatever its bytes say.
void Charsmap::check_replacements() const {
    const std::size_t valid = valid_utf8_prefix(replacements_);
    if (valid != replacements_.size()) {
        throw std::invalid_argument("precompiled_charsmap: byte " + std::to_string(valid) +
                                    " of its replacements is not UTF-8");
    }
    // The edges of each node, by its base: unit i is that of byte b where its label is b and its node i ^ b.
    constexpr std::size_t kBytes = 256;
    std::vector<std::uint32_t> first(units_.size() + kBytes + 1);
    const auto node_of = [this](std::size_t unit) { return unit ^ (units_[unit] & 0xFF); };
    const auto is_edge = [this](std::size_t unit) { return (units_[unit] & kLabel) <= 0xFF; };
    for (std::size_t i = 0; i < units_.size(); ++i) {
        if (is_edge(i)) ++first[node_of(i) + 1];
    }
    for (std::size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
    std::vector<std::uint32_t> edges(first.back());
    std::vector<std::uint32_t> next(first.begin(), first.end() - 1);
    for (std::size_t i = 0; i < units_.size(); ++i) {
        if (is_edge(i)) edges[next[node_of(i)]++] = static_cast<std::uint32_t>(i);
    }

    std::vector<bool> seen(first.size() - 1);
    std::vector<std::uint32_t> ahead{root().base};
    while (!ahead.empty()) {
        const std::uint32_t base = ahead.back();
        ahead.pop_back();
        if (base >= seen.size() || seen[base]) continue;
        seen[base] = true;
        for (std::uint32_t e = first[base]; e < first[base + 1]; ++e) {
            const auto byte = static_cast<unsigned char>(units_[edges[e]] & 0xFF);
            const auto child = step({base, std::nullopt}, byte);
            if (byte == 0 || !child) continue;
            if (child->value) check_start(*child->value);
            ahead.push_back(child->base);
        }
    }
}

void Charsmap::check_start(std::uint32_t start) const {
    if (start > replacements_.size() ||
        (start < replacements_.size() && is_utf8_continuation(replacements_[start]))) {
        throw std::invalid_argument("precompiled_charsmap: a replacement begins at byte " +
                                    std::to_string(start) + " of " + std::to_string(replacements_.size()) +
                                    ", which is outside of them or within a character");
    }
}

std::string_view Charsmap::replacement(std::uint32_t start) const {
    const std::string_view rest = std::string_view(replacements_).substr(start);
    return rest.substr(0, rest.find('\0'));
}

std::optional<std::string_view> Charsmap::find(std::string_view text) const {
    std::optional<Node> node = root();
    for (const char byte : text) {
        if (byte == 0) break;
        node = step(*node, static_cast<unsigned char>(byte));
        if (!node) break;
        if (node->value) return replacement(*node->value);
    }
    return std::nullopt;
}

std::optional<Charsmap::Match> Charsmap::find_longest(std::string_view text) const {
    std::optional<Node> node = root();
    std::optional<Match> longest;
    for (std::size_t i = 0; i < text.size() && text[i] != 0; ++i) {
        node = step(*node, static_cast<unsigned char>(text[i]));
        if (!node) break;
        if (node->value) longest = Match{replacement(*node->value), i + 1};
    }
    return longest;
}

// The characters that begin with what led to `node`: `first` and those that differ in its low bits_left bits.
// Below `smallest` such bytes are no character.
void Charsmap::index_characters(const Node& node, char32_t first, unsigned bits_left, char32_t smallest) {
    if (node.value) {
        const char32_t end = first + (char32_t{1} << bits_left);
        for (char32_t c = first > smallest ? first : smallest; c < end && c < kNumCodePoints; ++c) {
            std::uint16_t& block = blocks_[c / kBlock];
            if (block == 0) {
                block = static_cast<std::uint16_t>(values_.size() / kBlock);
                values_.resize(values_.size() + kBlock);
            }
            values_[std::size_t{block} * kBlock + c % kBlock] = *node.value + 1;
        }
    } else if (bits_left != 0) {
        for (unsigned low = 0; low < 64; ++low) {
            const auto child = step(node, static_cast<unsigned char>(0x80 | low));
            if (!child) continue;
            index_characters(*child, first | low << (bits_left - 6), bits_left - 6, smallest);
        }
    }
}

}  // namespace pypack
