#include "pack/best_fit_runs.hpp"

#include <algorithm>

#include "pack/capacity_set.hpp"

namespace pypack {

namespace {

// Sequences with consecutive numbers and the same content by length.
struct Group {
    std::int64_t first_sequence;
    std::int64_t size;
    std::int32_t documents;  // in each
    std::uint32_t next;      // group below it on the stack of its room
};

// Open groups by the room they have left; the last one opened is used first.
class OpenGroups {
  public:
    explicit OpenGroups(Length capacity)
        : rooms_(static_cast<std::uint32_t>(capacity) + 1),
          top_(static_cast<std::size_t>(capacity) + 1, kNone) {}

    void push(std::uint32_t room, std::int64_t first_sequence, std::int64_t size, std::int32_t documents) {
        std::uint32_t id = free_;
        if (id == kNone) {
            id = static_cast<std::uint32_t>(groups_.size());
            groups_.emplace_back();
        } else {
            free_ = groups_[id].next;
        }
        if (top_[room] == kNone) rooms_.insert(room);
        groups_[id] = {first_sequence, size, documents, top_[room]};
        top_[room] = id;
    }

    [[nodiscard]] std::uint32_t tightest(std::uint32_t length) const { return rooms_.at_least(length); }
    [[nodiscard]] Group& top(std::uint32_t room) { return groups_[top_[room]]; }

    void pop(std::uint32_t room) {
        const std::uint32_t id = top_[room];
        top_[room] = groups_[id].next;
        groups_[id].next = free_;
        free_ = id;
        if (top_[room] == kNone) rooms_.erase(room);
    }

    static constexpr std::uint32_t kNone = CapacitySet::kNone;

  private:
    CapacitySet rooms_;
    std::vector<std::uint32_t> top_;
    std::vector<Group> groups_;
    std::uint32_t free_ = kNone;
};

}  // namespace

Runs best_fit_runs(std::span<const std::int64_t> counts, Length max_documents) {
    const auto capacity = static_cast<Length>(counts.size()) - 1;
    OpenGroups open(capacity);
    Runs result;
    std::vector<Run>& runs = result.runs;
    result.first.assign(counts.size(), 0);

    for (Length length = capacity; length >= 1; --length) {
        result.first[static_cast<std::size_t>(length)] = static_cast<std::uint32_t>(runs.size());
        std::int64_t left = counts[static_cast<std::size_t>(length)];
        std::int64_t rank = 0;
        result.num_items += left;
        // Places `each` documents into each of `size` sequences, and reopens those that still have room.
        const auto place = [&](std::int64_t sequence, std::int64_t size, Length each, std::int32_t slot,
                               Length room) {
            runs.push_back({rank, sequence, sequence + size, each, slot});
            rank += size * each;
            left -= size * each;
            const Length rest = room - each * length;
            if (rest > 0 && slot + each < max_documents) {
                open.push(static_cast<std::uint32_t>(rest), sequence, size, slot + each);
            }
        };
        while (left > 0) {
            const std::uint32_t found = open.tightest(static_cast<std::uint32_t>(length));
            const bool is_new = found == OpenGroups::kNone;
            const auto room = is_new ? capacity : static_cast<Length>(found);
            const std::int32_t slot = is_new ? 0 : open.top(found).documents;
            const Length most = std::min(room / length, max_documents - slot);
            const std::int64_t wanted = left / most;  // sequences that can be given `most` documents
            const std::int64_t full = is_new ? wanted : std::min(wanted, open.top(found).size);
            const std::int64_t sequence = is_new ? result.num_sequences : open.top(found).first_sequence;
            // The last documents of this length, too few for `most`, go into one more sequence of the group.
            const bool has_last = left - full * most > 0 && left - full * most < most &&
                                  (is_new || full < open.top(found).size);
            const std::int64_t used = full + (has_last ? 1 : 0);
            if (is_new) {
                result.num_sequences += used;
            } else if (used == open.top(found).size) {
                open.pop(found);
            } else {
                open.top(found).first_sequence += used;
                open.top(found).size -= used;
            }
            if (full > 0) place(sequence, full, most, slot, room);
            if (has_last) place(sequence + full, 1, static_cast<Length>(left), slot, room);
        }
    }
    result.first[0] = static_cast<std::uint32_t>(runs.size());
    return result;
}

}  // namespace pypack
