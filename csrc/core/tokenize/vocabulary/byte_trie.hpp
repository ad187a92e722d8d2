// A vocabulary as a trie over bytes: which keys does a text begin with?
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace pypack {

// A double array (Aoe 1989; the exclusive-or addressing is Yata's). The node for `byte` below a node lies at
// offset ^ byte and knows its own byte, which is proof enough that it is that child, because no two nodes
// share an offset. A node is 8 bytes and a step down loads one of them:
//   bits 0-7 the node's byte, bit 8 whether it is in use, bits 9-35 its value + 1 (0: none), bits 36-63 its
//   offset.
class ByteTrie {
  public:
    static constexpr std::uint32_t kMaxValue = (1U << 27) - 2;

    using Entry = std::pair<std::string_view, std::uint32_t>;

    ByteTrie() : nodes_(256) {}

    // Where a key occurs twice the later entry counts; the empty key is dropped. Throws std::invalid_argument
    // for a value above kMaxValue or a vocabulary too large for 2^28 nodes.
    explicit ByteTrie(std::vector<Entry> entries);

    // Calls visit(length, value) for each key that `text` begins with, the shortest first.
    template <typename Visit>
    void for_each_prefix(std::string_view text, Visit&& visit) const {
        std::uint64_t node = nodes_[0];
        for (std::size_t i = 0; i < text.size(); ++i) {
            const auto byte = static_cast<unsigned char>(text[i]);
            node = nodes_[(node >> 36) ^ byte];
            if ((node & 0x1FF) != (0x100U | byte)) return;
            if (const auto value = static_cast<std::uint32_t>(node >> 9) & 0x7FFFFFF) visit(i + 1, value - 1);
        }
    }

    [[nodiscard]] std::optional<std::uint32_t> find(std::string_view key) const {
        std::optional<std::uint32_t> found;
        for_each_prefix(key, [&](std::size_t length, std::uint32_t value) {
            if (length == key.size()) found = value;
        });
        return found;
    }

    [[nodiscard]] std::size_t num_bytes() const { return nodes_.size() * sizeof(std::uint64_t); }

  private:
    std::vector<std::uint64_t> nodes_;
};

}  // namespace pypack
