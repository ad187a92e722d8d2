#include "pack/best_fit/placements.hpp"

#include <algorithm>

#include "pack/best_fit/open_sequences.hpp"

namespace pypack {

namespace {

// Appends placements and opens the sequences that still have room, while a packer goes through the lengths.
class PlacementBuilder {
  public:
    PlacementBuilder(std::span<const std::int64_t> counts, Length max_documents)
        : capacity_(static_cast<Length>(counts.size()) - 1), max_documents_(max_documents), open_(capacity_) {
        result_.first.assign(counts.size(), 0);
    }

    [[nodiscard]] Length capacity() const { return capacity_; }
    [[nodiscard]] OpenSequences& open() { return open_; }

    void begin(Length length, std::int64_t count) {
        result_.first[static_cast<std::size_t>(length)] = static_cast<std::uint32_t>(result_.all.size());
        result_.num_items += count;
        length_ = length;
        rank_ = 0;
    }

    [[nodiscard]] std::int64_t new_sequences(std::int64_t count) {
        const std::int64_t first = result_.num_sequences;
        result_.num_sequences += count;
        return first;
    }

    // `each` documents into each of `size` sequences, which have `slot` documents and this room.
    void place(std::int64_t sequence, std::int64_t size, Length each, std::int32_t slot, Length room) {
        if (size == 0) return;
        result_.all.push_back({rank_, sequence, sequence + size, each, slot});
        rank_ += size * each;
        const Length rest = room - each * length_;
        if (rest > 0 && slot + each < max_documents_) {
            open_.push(static_cast<std::uint32_t>(rest), sequence, size, slot + each);
        }
    }

    [[nodiscard]] Placements finish() {
        result_.first[0] = static_cast<std::uint32_t>(result_.all.size());
        return std::move(result_);
    }

  private:
    Length capacity_;
    Length max_documents_;
    OpenSequences open_;
    Placements result_;
    Length length_ = 0;
    std::int64_t rank_ = 0;
};

}  // namespace

Placements best_fit_placements(std::span<const std::int64_t> counts, Length max_documents) {
    PlacementBuilder builder(counts, max_documents);
    for (Length length = builder.capacity(); length >= 1; --length) {
        std::int64_t left = counts[static_cast<std::size_t>(length)];
        builder.begin(length, left);
        while (left > 0) {
            const std::uint32_t found = builder.open().tightest(static_cast<std::uint32_t>(length));
            const bool is_new = found == OpenSequences::kNone;
            const Group group = is_new ? Group{0, left, 0, 0} : builder.open().top(found);
            const Length room = is_new ? builder.capacity() : static_cast<Length>(found);
            const Length most = std::min(room / length, max_documents - group.documents);
            const std::int64_t full = std::min(left / most, group.size);
            left -= full * most;
            // The last documents of this length, too few for `most`, go into one more sequence of the group.
            const Length last = full < group.size ? static_cast<Length>(left) : 0;
            const std::int64_t used = full + (last > 0 ? 1 : 0);
            const std::int64_t sequence = is_new ? builder.new_sequences(used) : group.first_sequence;
            if (!is_new) builder.open().take(found, used);
            builder.place(sequence, full, most, group.documents, room);
            if (last > 0) {
                builder.place(sequence + full, 1, last, group.documents, room);
                left = 0;
            }
        }
    }
    return builder.finish();
}

Placements worst_fit_placements(std::span<const std::int64_t> counts, Length max_documents) {
    PlacementBuilder builder(counts, max_documents);
    for (Length length = builder.capacity(); length >= 1; --length) {
        std::int64_t left = counts[static_cast<std::size_t>(length)];
        builder.begin(length, left);
        while (left > 0) {
            const std::uint32_t widest = builder.open().widest();
            if (widest == OpenSequences::kNone || widest < static_cast<std::uint32_t>(length)) {
                builder.place(builder.new_sequences(left), left, 1, 0, builder.capacity());
                break;
            }
            const Group group = builder.open().top(widest);
            const std::int64_t used = std::min(left, group.size);
            builder.open().take(widest, used);
            builder.place(group.first_sequence, used, 1, group.documents, static_cast<Length>(widest));
            left -= used;
        }
    }
    return builder.finish();
}

Buffer<std::int64_t> sequence_starts(const Placements& placements) {
    Buffer<std::int64_t> starts(placements.num_sequences + 1);
    std::fill_n(starts.data(), starts.size(), 0);
    // A placement adds the same to consecutive sequences: differences first, then two running sums in one
    // pass.
    for (const Placement& placement : placements.all) {
        starts[placement.first_sequence] += placement.per_sequence;
        starts[placement.end_sequence] -= placement.per_sequence;
    }
    std::int64_t spans = 0;
    std::int64_t total = 0;
    for (std::int64_t s = 0; s <= placements.num_sequences; ++s) {
        spans += starts[s];
        starts[s] = total;
        total += spans;
    }
    return starts;
}

}  // namespace pypack
