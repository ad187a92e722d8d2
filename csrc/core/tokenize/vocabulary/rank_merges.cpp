#include "tokenize/vocabulary/rank_merges.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <string_view>
#include <system_error>
#include <tuple>

#include "common/interrupt.hpp"
#include "tokenize/unicode/utf8.hpp"
#include "tokenize/vocabulary/byte_alphabet.hpp"

namespace pypack {
namespace {

// How each byte is written, inside a JSON string or as it is.
std::array<std::string, 256> spellings(bool in_json) {
    std::array<std::string, 256> spelled;
    for (int byte = 0; byte < 256; ++byte) {
        const char32_t code_point = alphabet_of_byte(static_cast<unsigned char>(byte));
        std::string& text = spelled[static_cast<std::size_t>(byte)];
        if (in_json && (code_point == U'"' || code_point == U'\\')) text.push_back('\\');
        append_utf8(code_point, text);
    }
    return spelled;
}

// Calls visit(left, right, token), by their places in `tokens`, for every way to make a token of two others.
template <typename Visit>
void for_each_merge(const StringList& tokens, const std::vector<TokenId>& ranks, Visit&& visit) {
    TokenTable table(tokens);
    for (std::size_t i = 0; i < tokens.size(); ++i) table.insert(static_cast<std::uint32_t>(i), ranks[i]);
    std::vector<std::uint32_t> order(tokens.size());
    std::iota(order.begin(), order.end(), 0U);
    const auto is_lower = [&](auto a, auto b) { return ranks[a] < ranks[b]; };
    if (!std::is_sorted(order.begin(), order.end(), is_lower)) {
        std::sort(order.begin(), order.end(), is_lower);
    }
    // ranks of the sides, and their places
    std::vector<std::tuple<TokenId, TokenId, std::uint32_t, std::uint32_t>> ways;
    for (std::size_t i = 0; i < order.size(); ++i) {
        if (i % 1024 == 0) check_interrupt();
        const std::string_view token = tokens[order[i]];
        ways.clear();
        for (std::size_t cut = 1; cut < token.size(); ++cut) {
            const std::uint32_t left = table.index_of(token.substr(0, cut));
            if (left == kNoToken) continue;
            const std::uint32_t right = table.index_of(token.substr(cut));
            if (right != kNoToken) ways.emplace_back(ranks[left], ranks[right], left, right);
        }
        std::sort(ways.begin(), ways.end());
        for (const auto& [left_rank, right_rank, left, right] : ways) visit(left, right, order[i]);
    }
}

constexpr unsigned char kNoDigit = 64;

std::array<unsigned char, 256> base64_values() {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::array<unsigned char, 256> values;
    values.fill(kNoDigit);
    for (std::size_t i = 0; i < kDigits.size(); ++i) {
        values[static_cast<unsigned char>(kDigits[i])] = static_cast<unsigned char>(i);
    }
    return values;
}

// False for what is not base64 with its padding.
bool decode_base64(std::string_view text, const std::array<unsigned char, 256>& values, std::string& out) {
    out.clear();
    if (text.empty() || text.size() % 4 != 0) return false;
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
    unsigned bits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool is_padding = i >= text.size() - padding;
        const unsigned char value = is_padding ? 0 : values[static_cast<unsigned char>(text[i])];
        if (value == kNoDigit) return false;
        bits = bits << 6 | value;
        if (i % 4 != 3) continue;
        for (const int shift : {16, 8, 0}) out.push_back(static_cast<char>(bits >> shift & 255));
        bits = 0;
    }
    for (std::size_t i = 0; i < padding; ++i) out.pop_back();  // gcc 12 warns of a resize that may grow
    return true;
}

}  // namespace

void write_rank_model(const StringList& tokens, const std::vector<TokenId>& ranks, std::string& vocabulary,
                      std::string& merges) {
    const auto spelled = spellings(true);
    const auto append = [&](std::string_view token, std::string& out) {
        out.push_back('"');
        for (const char byte : token) out += spelled[static_cast<unsigned char>(byte)];
        out.push_back('"');
    };
    vocabulary.push_back('{');
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (i != 0) vocabulary.push_back(',');
        append(tokens[i], vocabulary);
        vocabulary.push_back(':');
        vocabulary += std::to_string(ranks[i]);
    }

    merges.push_back('[');
    for_each_merge(tokens, ranks, [&](std::uint32_t left, std::uint32_t right, std::uint32_t) {
        merges += merges.size() == 1 ? "[" : ",[";
        append(tokens[left], merges);
        merges.push_back(',');
        append(tokens[right], merges);
        merges.push_back(']');
    });
    merges.push_back(']');
}

StringList spell_tokens(const StringList& tokens) {
    const auto spelled = spellings(false);
    StringList spelled_tokens;
    spelled_tokens.text.reserve(2 * tokens.text.size());
    spelled_tokens.offsets.reserve(tokens.offsets.size());
    std::string text;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        text.clear();
        for (const char byte : tokens[i]) text += spelled[static_cast<unsigned char>(byte)];
        spelled_tokens.push_back(text);
    }
    return spelled_tokens;
}

MergePlaces merges_of_ranks(const StringList& tokens, const std::vector<TokenId>& ranks) {
    MergePlaces merges;
    merges.reserve(2 * tokens.size());
    for_each_merge(tokens, ranks, [&](std::uint32_t left, std::uint32_t right, std::uint32_t token) {
        merges.push_back({left, right, token});
    });
    return merges;
}

std::size_t read_rank_file(std::string_view file, StringList& tokens, std::vector<TokenId>& ranks) {
    const auto values = base64_values();
    std::string token;
    std::size_t number = 0;
    for (std::size_t at = 0; at < file.size();) {
        ++number;
        const std::size_t end = std::min(file.find('\n', at), file.size());
        std::string_view line = file.substr(at, end - at);
        at = end + 1;
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (line.empty()) continue;
        const std::size_t space = line.find(' ');
        if (space == std::string_view::npos || !decode_base64(line.substr(0, space), values, token))
            return number;
        const std::string_view digits = line.substr(space + 1);
        TokenId rank = 0;
        const auto [stop, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
        if (failed != std::errc() || stop != digits.data() + digits.size() || rank == kNoToken) return number;
        tokens.push_back(token);
        ranks.push_back(rank);
    }
    return 0;
}

}  // namespace pypack
