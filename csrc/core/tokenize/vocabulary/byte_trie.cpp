#include "tokenize/vocabulary/byte_trie.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

namespace pypack {

namespace {

constexpr std::size_t kBlock = 256;
// Offsets are looked for in this many blocks at the end; what is free before them stays free. With all blocks
// open, building takes quadratic time.
constexpr std::size_t kOpenBlocks = 16;

struct Bits {
    std::vector<std::uint64_t> words;

    void set(std::size_t i) { words[i / 64] |= std::uint64_t{1} << i % 64; }
    [[nodiscard]] bool test(std::size_t i) const { return (words[i / 64] >> i % 64 & 1) != 0; }
};

class Builder {
  public:
    explicit Builder(const std::vector<ByteTrie::Entry>& entries) : entries_(entries) {
        add_block();
        taken_.set(0);
        // A node without children has offset 0, which therefore is nobody's, so that they look for theirs in
        // vain: in the first block no node's byte is its place then.
        is_offset_.set(0);
    }

    std::vector<std::uint64_t> build() {
        std::vector<Range> pending{{0, 0, entries_.size(), 0}};
        while (!pending.empty()) {
            const Range range = pending.back();
            pending.pop_back();
            place_children(range, pending);
        }
        return std::move(nodes_);
    }

  private:
    // The entries below one node: they share their first `depth` bytes.
    struct Range {
        std::size_t node;
        std::size_t first;
        std::size_t last;
        std::size_t depth;
    };

    [[nodiscard]] unsigned char byte_at(std::size_t entry, std::size_t depth) const {
        return static_cast<unsigned char>(entries_[entry].first[depth]);
    }

    void place_children(Range range, std::vector<Range>& pending) {
        if (entries_[range.first].first.size() == range.depth) {
            nodes_[range.node] |= static_cast<std::uint64_t>(entries_[range.first].second + 1) << 9;
            if (++range.first == range.last) return;
        }
        children_.clear();
        for (std::size_t i = range.first; i < range.last;) {
            const unsigned char byte = byte_at(i, range.depth);
            std::size_t end = i + 1;
            while (end < range.last && byte_at(end, range.depth) == byte) ++end;
            children_.push_back({byte, i, end});
            i = end;
        }
        const std::size_t offset = find_offset();
        is_offset_.set(offset);
        nodes_[range.node] |= static_cast<std::uint64_t>(offset) << 36;
        for (const Child& child : children_) {
            const std::size_t place = offset ^ child.byte;
            taken_.set(place);
            nodes_[place] = 0x100U | child.byte;
            pending.push_back({place, child.first, child.last, range.depth + 1});
        }
    }

    // An offset that no node has and whose places for the children are all free.
    std::size_t find_offset() {
        const auto is_free = [this](std::size_t offset) {
            return std::none_of(children_.begin(), children_.end(),
                                [&](const Child& child) { return taken_.test(offset ^ child.byte); });
        };
        for (;;) {
            const std::size_t num_blocks = nodes_.size() / kBlock;
            const std::size_t open = num_blocks > kOpenBlocks ? (num_blocks - kOpenBlocks) * kBlock : 0;
            for (std::size_t word = open / 64; word < taken_.words.size(); ++word) {
                for (std::uint64_t free = ~taken_.words[word]; free != 0; free &= free - 1) {
                    const std::size_t place = word * 64 + static_cast<std::size_t>(std::countr_zero(free));
                    const std::size_t offset = place ^ children_[0].byte;
                    if (!is_offset_.test(offset) && is_free(offset)) return offset;
                }
            }
            add_block();
        }
    }

    void add_block() {
        const std::size_t size = nodes_.size() + kBlock;
        if (size > std::size_t{1} << 28) throw std::invalid_argument("vocabulary: more than 2^28 trie nodes");
        nodes_.resize(size);
        taken_.words.resize(size / 64);
        is_offset_.words.resize(size / 64);
    }

    struct Child {
        unsigned char byte;
        std::size_t first;
        std::size_t last;
    };

    const std::vector<ByteTrie::Entry>& entries_;
    std::vector<std::uint64_t> nodes_;
    Bits taken_;
    Bits is_offset_;
    std::vector<Child> children_;
};

}  // namespace

ByteTrie::ByteTrie(std::vector<Entry> entries) {
    for (const auto& [key, value] : entries) {
        if (value > kMaxValue) {
            throw std::invalid_argument("vocabulary: value " + std::to_string(value) + " is above " +
                                        std::to_string(kMaxValue));
        }
    }
    const auto by_key = [](const Entry& a, const Entry& b) { return a.first < b.first; };
    std::stable_sort(entries.begin(), entries.end(), by_key);
    std::vector<Entry> unique;
    unique.reserve(entries.size());
    for (const Entry& entry : entries) {
        if (entry.first.empty()) continue;
        if (!unique.empty() && unique.back().first == entry.first) {
            unique.back() = entry;
        } else {
            unique.push_back(entry);
        }
    }
    if (unique.empty()) {
        nodes_.resize(kBlock);
    } else {
        nodes_ = Builder(unique).build();
    }
}

}  // namespace pypack
