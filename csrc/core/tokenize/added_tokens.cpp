#include "tokenize/added_tokens.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "tokenize/unicode/ascii_block.hpp"
#include "tokenize/unicode/classes.hpp"
#include "tokenize/unicode/utf8.hpp"
#include "tokenize/vocabulary/token_table.hpp"

namespace pypack {
namespace {

// With more beginnings than this, tables by byte are faster than looking for each.
constexpr std::size_t kMaxPairs = 8;

bool has_trait_at(std::string_view text, std::size_t position, unicode::Trait trait) {
    const char* p = text.data() + position;
    return unicode::has_trait(next_code_point(p), trait);
}

// Where the character before `position` begins.
std::size_t previous_character(std::string_view text, std::size_t position) {
    do --position;
    while (is_utf8_continuation(text[position]));
    return position;
}

bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
    const auto is_word = [&](std::size_t at) { return has_trait_at(text, at, unicode::Trait::kWord); };
    return (begin == 0 || !is_word(previous_character(text, begin))) && (end == text.size() || !is_word(end));
}

// No further back than `bound`.
std::size_t before_whitespace(std::string_view text, std::size_t position, std::size_t bound) {
    while (position > bound) {
        const std::size_t before = previous_character(text, position);
        if (!has_trait_at(text, before, unicode::Trait::kWhitespace)) break;
        position = before;
    }
    return position;
}

std::size_t behind_whitespace(std::string_view text, std::size_t position) {
    while (position < text.size() && has_trait_at(text, position, unicode::Trait::kWhitespace)) {
        position += utf8_length(text[position]);
    }
    return position;
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)), nodes_(1) {
    for (std::uint32_t i = 0; i < tokens_.size(); ++i) {
        insert(i);
        const std::string& content = tokens_[i].content;
        const std::size_t size = content.size();
        shortest_ = i == 0 ? size : std::min(shortest_, size);
    }
    if (shortest_ < 2) return;
    for (const AddedToken& token : tokens_) pairs_.push_back({token.content[0], token.content[1]});
    std::sort(pairs_.begin(), pairs_.end());
    pairs_.erase(std::unique(pairs_.begin(), pairs_.end()), pairs_.end());
    if (pairs_.size() > kMaxPairs) pairs_.clear();
}

void AddedTokenFinder::insert(std::uint32_t token) {
    const std::string& content = tokens_[token].content;
    std::uint32_t node = 0;
    for (const char c : content) {
        const auto byte = static_cast<unsigned char>(c);
        std::uint32_t child = node == 0 ? first_nodes_[byte] : nodes_[node].first_child;
        while (child != 0 && nodes_[child].byte != byte) child = nodes_[child].next_sibling;
        if (child == 0) {
            child = static_cast<std::uint32_t>(nodes_.size());
            Node added;
            added.byte = byte;
            if (node == 0) {
                first_nodes_[byte] = child;
            } else {
                added.next_sibling = nodes_[node].first_child;
            }
            nodes_.push_back(added);
            if (node != 0) nodes_[node].first_child = child;
        }
        node = child;
    }
    nodes_[node].token = token;
    // Up to eight groups by first byte keep the test of two bytes sharp where tokens begin differently.
    const auto first = static_cast<unsigned char>(content[0]);
    const auto group = static_cast<std::uint8_t>(1U << first % 8);
    begins_[first] = group;
    if (content.size() == 1) {
        for (auto& groups : follows_) groups |= group;
    } else {
        follows_[static_cast<unsigned char>(content[1])] |= group;
    }
}

std::size_t AddedTokenFinder::next_candidate(std::string_view text, std::size_t from) const {
    const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
    const std::size_t last = text.size() < shortest_ ? 0 : text.size() - shortest_ + 1;
    std::size_t at = from;
    if (!pairs_.empty() && text.size() > ascii::kBlock) {
        const std::size_t last_block = text.size() - ascii::kBlock - 1;
        while (at < last) {
            // The last block overlaps the one before it.
            const std::size_t block = std::min(at, last_block);
            ascii::Mask found = 0;
            for (const auto& [first, second] : pairs_) {
                found |= ascii::equal_pairs(text.data() + block, first, second);
            }
            found &= ~ascii::Mask{0} << (at - block);
            if (found != 0) return block + static_cast<std::size_t>(std::countr_zero(found));
            at = block + ascii::kBlock;
        }
        return text.size();
    }
    for (; at < last; ++at) {
        if (begins_[bytes[at]] == 0) continue;
        if (at + 1 == text.size() || (begins_[bytes[at]] & follows_[bytes[at + 1]]) != 0) return at;
    }
    return text.size();
}

std::uint32_t AddedTokenFinder::match(std::string_view text, std::size_t at) const {
    std::uint32_t longest = kNoToken;
    std::uint32_t node = first_nodes_[static_cast<unsigned char>(text[at])];
    while (node != 0) {
        if (nodes_[node].token != kNoToken) longest = nodes_[node].token;
        if (++at == text.size()) break;
        const auto byte = static_cast<unsigned char>(text[at]);
        node = nodes_[node].first_child;
        while (node != 0 && nodes_[node].byte != byte) node = nodes_[node].next_sibling;
    }
    return longest;
}

ByteRange PlainParts::in_document(std::size_t begin, std::size_t end) const {
    std::size_t first = begin;
    std::size_t last = end;
    if (alignment != nullptr) {
        first = (*alignment)[begin].start;
        last = (*alignment)[end - 1].end;
    }
    return {static_cast<std::uint32_t>(base + first), static_cast<std::uint32_t>(base + last)};
}

const ByteRange* PlainParts::meeting(std::size_t begin, std::size_t end) const {
    const ByteRange found = in_document(begin, end);
    const auto after =
        std::upper_bound(ranges.begin(), ranges.end(), found.start,
                         [](std::uint32_t place, const ByteRange& r) { return place < r.end; });
    return after == ranges.end() || after->start >= found.end ? nullptr : &*after;
}

std::uint32_t AddedTokenFinder::match_outside(const PlainParts& plain, std::string_view text, std::size_t& at,
                                              std::size_t& num_skipped) const {
    std::uint32_t index = match(text, at);
    while (index != kNoToken && tokens_[index].special) {
        const std::size_t end = at + tokens_[index].content.size();
        const ByteRange* const part = plain.meeting(at, end);
        if (part == nullptr) break;
        const ByteRange found = plain.in_document(at, end);
        if (part->start <= found.start && found.end <= part->end) {
            at = end;  // as where special tokens are text altogether
            ++num_skipped;
            return kNoToken;
        }
        // It reaches into plain text, or out of it; a shorter one may end before.
        index = match(text.substr(0, end - 1), at);
    }
    if (index == kNoToken) ++at;
    return index;
}

std::size_t AddedTokenFinder::cut(std::string_view text, bool skip_special, std::vector<TextPiece>& pieces,
                                  const PlainParts& plain) const {
    std::size_t num_skipped = 0;
    std::size_t done = 0;
    std::size_t blank_end = 0;  // of the whitespace that was looked for last: to look again may be quadratic
    for (std::size_t at = 0; !tokens_.empty() && (at = next_candidate(text, at)) < text.size();) {
        std::uint32_t index = kNoToken;
        if (plain.ranges.empty()) {
            index = match(text, at);
            if (index == kNoToken) ++at;
        } else {
            index = match_outside(plain, text, at, num_skipped);
        }
        if (index == kNoToken) continue;
        const AddedToken& token = tokens_[index];
        std::size_t begin = at;
        std::size_t end = at + token.content.size();
        at = end;
        if (skip_special && token.special) {
            ++num_skipped;
            continue;
        }
        if (token.single_word && !stands_alone(text, begin, end)) continue;
        if (token.lstrip) begin = std::max(before_whitespace(text, begin, done), done);
        if (token.rstrip) end = blank_end = end < blank_end ? blank_end : behind_whitespace(text, end);
        // The token before has taken in all of this one, as whitespace behind it.
        if (begin >= end) continue;
        if (done < begin) pieces.push_back({done, begin, kNoToken});
        pieces.push_back({begin, end, token.id});
        done = end;
    }
    if (done < text.size()) pieces.push_back({done, text.size(), kNoToken});
    return num_skipped;
}

}  // namespace pypack
