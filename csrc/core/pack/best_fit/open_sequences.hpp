// Open sequences in bulk: groups of consecutive sequences with the same content by length, found by the room
// they have left.
#pragma once

#include <cstdint>
#include <vector>

#include "common/types.hpp"
#include "pack/best_fit/nearest_set.hpp"

namespace pypack {

struct Group {
    std::int64_t first_sequence;
    std::int64_t size;
    std::int32_t documents;  // in each
    std::uint32_t below;     // the next group on the stack of its room
};

// Of the groups with equal room, the one that was opened last is used first.
class OpenSequences {
  public:
    static constexpr std::uint32_t kNone = NearestSet::kNone;

    explicit OpenSequences(Length capacity)
        : rooms_(static_cast<std::uint32_t>(capacity) + 1),
          top_(static_cast<std::size_t>(capacity) + 1, kNone) {}

    void push(std::uint32_t room, std::int64_t first_sequence, std::int64_t size, std::int32_t documents) {
        std::uint32_t id = free_;
        if (id == kNone) {
            id = static_cast<std::uint32_t>(groups_.size());
            groups_.emplace_back();
        } else {
            free_ = groups_[id].below;
        }
        if (top_[room] == kNone) rooms_.insert(room);
        groups_[id] = {first_sequence, size, documents, top_[room]};
        top_[room] = id;
    }

    // The least or greatest room among the groups, or kNone.
    [[nodiscard]] std::uint32_t tightest(std::uint32_t at_least) const { return rooms_.at_least(at_least); }
    [[nodiscard]] std::uint32_t widest() const {
        return rooms_.at_most(static_cast<std::uint32_t>(top_.size()) - 1);
    }

    [[nodiscard]] const Group& top(std::uint32_t room) const { return groups_[top_[room]]; }

    // Takes the first `count` sequences away from the top group.
    void take(std::uint32_t room, std::int64_t count) {
        const std::uint32_t id = top_[room];
        Group& group = groups_[id];
        if (count < group.size) {
            group.first_sequence += count;
            group.size -= count;
            return;
        }
        top_[room] = group.below;
        group.below = free_;
        free_ = id;
        if (top_[room] == kNone) rooms_.erase(room);
    }

  private:
    NearestSet rooms_;
    std::vector<std::uint32_t> top_;
    std::vector<Group> groups_;
    std::uint32_t free_ = kNone;
};

}  // namespace pypack
