#include "pack/best_fit/first_fit.hpp"

#include <algorithm>
#include <vector>

#include "common/interrupt.hpp"
#include "pack/best_fit/piece_counts.hpp"

namespace pypack {

namespace {

// The room of every sequence under a tree of maxima, which finds the first with enough room in O(log
// sequences).
class RoomTree {
  public:
    RoomTree() : room_(2, 0) {}

    // The first sequence with at least `needed` room, or the number of sequences that the tree has leaves
    // for.
    [[nodiscard]] std::size_t first_with(Length needed) const {
        std::size_t at = 1;
        if (room_[at] < needed) return leaves();
        while (at < leaves()) at = 2 * at + (room_[2 * at] < needed ? 1 : 0);
        return at - leaves();
    }

    [[nodiscard]] Length room(std::size_t sequence) const { return room_[leaves() + sequence]; }

    void set_room(std::size_t sequence, Length room) {
        while (sequence >= leaves()) grow();
        std::size_t at = leaves() + sequence;
        room_[at] = room;
        while ((at /= 2) > 0) room_[at] = std::max(room_[2 * at], room_[2 * at + 1]);
    }

  private:
    [[nodiscard]] std::size_t leaves() const { return room_.size() / 2; }

    void grow() {
        std::vector<Length> larger(2 * room_.size(), 0);
        std::copy(room_.begin() + static_cast<std::ptrdiff_t>(leaves()), room_.end(),
                  larger.begin() + static_cast<std::ptrdiff_t>(room_.size()));
        room_ = std::move(larger);
        for (std::size_t at = leaves() - 1; at > 0; --at)
            room_[at] = std::max(room_[2 * at], room_[2 * at + 1]);
    }

    std::vector<Length>
        room_;  // [1, leaves) inner nodes, [leaves, 2 x leaves) sequences; those not begun have 0
};

// Each is looked for in a tree of all sequences, most of which no cache holds.
constexpr std::size_t kPiecesBetweenChecks = std::size_t{1} << 12;

}  // namespace

PlanArrays first_fit(std::span<const Length> lengths, const PackOptions& options) {
    options.validate();
    PlanArrays plan;
    RoomTree tree;
    std::vector<Piece> pieces;
    std::vector<std::int64_t> sequence_of;  // by piece
    std::vector<Length> spans_of;           // by sequence
    for_each_piece(lengths, {0, lengths.size()}, options, plan.counts,
                   [&](std::int64_t document, Length start, Length length) {
                       if (pieces.size() % kPiecesBetweenChecks == 0) check_interrupt();
                       const Length needed = aligned(length, options.align);
                       const std::size_t found = std::min(tree.first_with(needed), spans_of.size());
                       Length room = options.sequence_length;
                       if (found == spans_of.size()) {
                           spans_of.push_back(0);
                       } else {
                           room = tree.room(found);
                       }
                       const bool is_closed = ++spans_of[found] == options.max_documents;
                       tree.set_room(found, is_closed ? 0 : room - needed);
                       pieces.push_back({document, start, length});
                       sequence_of.push_back(static_cast<std::int64_t>(found));
                   });
    for (const Length spans : spans_of) {
        plan.sequence_offsets.push_back(plan.sequence_offsets[plan.sequence_offsets.size() - 1] + spans);
        plan.sequence_capacity.push_back(options.sequence_length);
    }
    plan.resize_spans(static_cast<std::int64_t>(pieces.size()));
    std::vector<std::int64_t> next(plan.sequence_offsets.data(),
                                   plan.sequence_offsets.data() + plan.sequence_capacity.size());
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        plan.set_span(next[static_cast<std::size_t>(sequence_of[i])]++, pieces[i]);
    }
    return plan;
}

}  // namespace pypack
