#include "batch/source_bucket.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

#include "common/checked.hpp"
#include "common/random.hpp"

namespace pypack {

namespace {

// What a key is used for, so that no two permutations share one.
constexpr std::uint64_t kBlockItems = 1;

std::int64_t num_blocks(std::int64_t size, std::int64_t locality) {
    return locality <= 0 ? size : (size + locality - 1) / locality;
}

}  // namespace

SourceBucket::SourceBucket(std::int32_t source, std::vector<SequenceRange> ranges, std::uint64_t key,
                           std::int64_t locality)
    : source_(source), ranges_(std::move(ranges)), key_(key), locality_(locality) {
    if (locality < kPlanOrder) throw std::invalid_argument("the locality of a bucket must not be negative");
    first_index_.reserve(ranges_.size());
    for (const SequenceRange& range : ranges_) {
        if (range.first < 0 || range.count < 1) {
            throw std::invalid_argument("a range of sequences must hold at least one, from 0 on");
        }
        first_index_.push_back(size_);
        size_ = checked_add(size_, range.count, "the number of sequences in a bucket");
    }
    if (size_ == 0) throw std::invalid_argument("a bucket needs at least one sequence");
    if (locality_ >= size_) locality_ = 0;
}

std::int64_t SourceBucket::sequence(std::int64_t index) const {
    if (ranges_.size() == 1) return ranges_.front().first + index;
    const auto after = std::upper_bound(first_index_.begin(), first_index_.end(), index);
    const auto range = static_cast<std::size_t>(after - first_index_.begin()) - 1;
    return ranges_[range].first + index - first_index_[range];
}

SourceBucket::Epoch::Epoch(const SourceBucket& bucket, std::int64_t epoch)
    : bucket_(bucket),
      epoch_(epoch),
      key_(combine_keys(bucket.key_, static_cast<std::uint64_t>(epoch))),
      items_(static_cast<std::uint64_t>(num_blocks(bucket.size_, bucket.locality_)), key_) {
    if (bucket.locality_ > 0) short_place_ = static_cast<std::int64_t>(items_.inverse(items_.size() - 1));
}

void SourceBucket::Epoch::apply(std::span<std::uint64_t> indices) const {
    if (bucket_.locality_ == 0) {
        permute(indices);
    } else if (bucket_.locality_ != kPlanOrder) {
        permute_within_blocks(indices);
    }
    if (bucket_.ranges_.size() == 1) {
        const auto first = static_cast<std::uint64_t>(bucket_.ranges_.front().first);
        for (std::uint64_t& index : indices) index += first;
        return;
    }
    for (std::uint64_t& index : indices) {
        index = static_cast<std::uint64_t>(bucket_.sequence(static_cast<std::int64_t>(index)));
    }
}

void SourceBucket::Epoch::permute(std::span<std::uint64_t> indices) const {
    if (const auto tables = bucket_.tables(epoch_, items_, indices.size())) {
        tables->apply(indices);
    } else {
        items_.apply(indices);
    }
}

std::shared_ptr<const TabledPermutation> SourceBucket::tables(std::int64_t epoch, const Permutation& order,
                                                              std::size_t count) const {
    if (!TabledPermutation::helps(order)) return nullptr;
    const std::lock_guard lock(tables_->mutex);
    if (tables_->epoch != epoch) {
        tables_->epoch = epoch;
        tables_->asked = 0;
        tables_->tables.reset();
    }
    if (!tables_->tables) {
        tables_->asked += count;
        if (tables_->asked < TabledPermutation::worth(order)) return nullptr;
        tables_->tables = std::make_shared<const TabledPermutation>(order);
    }
    return tables_->tables;
}

// The blocks are permuted, and kOpenBlocks of them at a time, a group, are shuffled together. The arithmetic
// is that of blocks of one size, with the missing items of the short one taken out of the numbering behind
// it.
void SourceBucket::Epoch::permute_within_blocks(std::span<std::uint64_t> indices) const {
    const std::int64_t locality = bucket_.locality_;
    const auto blocks = static_cast<std::int64_t>(items_.size());
    const std::int64_t missing = blocks * locality - bucket_.size_;
    const std::int64_t group_items = kOpenBlocks * locality;
    const std::int64_t short_group = short_place_ / kOpenBlocks;
    const std::int64_t open_in_short = std::min(kOpenBlocks, blocks - short_group * kOpenBlocks);
    const std::int64_t short_group_end = short_group * group_items + open_in_short * locality - missing;
    const std::int64_t short_end = (short_place_ % kOpenBlocks + 1) * locality - missing;
    const auto numbered = [&](std::uint64_t index) {
        const auto i = static_cast<std::int64_t>(index);
        return i >= short_group_end ? i + missing : i;
    };
    std::vector<std::uint64_t> within(indices.size());  // the block
    for (std::size_t begin = 0; begin < indices.size();) {
        const std::int64_t group = numbered(indices[begin]) / group_items;
        std::size_t end = begin;
        for (; end < indices.size(); ++end) {  // neighbouring draws are of one group
            const std::int64_t in_group = numbered(indices[end]) - group * group_items;
            if (in_group < 0 || in_group >= group_items) break;
            indices[end] = static_cast<std::uint64_t>(in_group);
        }
        const std::int64_t open = std::min(kOpenBlocks, blocks - group * kOpenBlocks);
        const std::int64_t items = open * locality - (group == short_group ? missing : 0);
        const Permutation inside(
            static_cast<std::uint64_t>(items),
            combine_keys(combine_keys(key_, kBlockItems), static_cast<std::uint64_t>(group)));
        inside.apply(indices.subspan(begin, end - begin));
        for (; begin < end; ++begin) {
            auto place = static_cast<std::int64_t>(indices[begin]);
            if (group == short_group && place >= short_end) place += missing;
            within[begin] = static_cast<std::uint64_t>(place % locality);
            indices[begin] = static_cast<std::uint64_t>(group * kOpenBlocks + place / locality);
        }
    }
    items_.apply(indices);  // the blocks
    for (std::size_t i = 0; i < indices.size(); ++i) {
        indices[i] = indices[i] * static_cast<std::uint64_t>(locality) + within[i];
    }
}

namespace {

// The rows first, first + 1, ... of the draws, one draw after another.
std::vector<RowRef> rows_in_order(std::span<const SourceBucket> buckets, std::span<const Draw> draws,
                                  std::span<const SourceBucket::Epoch> orders, std::int64_t first,
                                  std::int64_t count) {
    std::vector<RowRef> rows;
    rows.reserve(static_cast<std::size_t>(count));
    std::vector<std::uint64_t> indices;
    std::int64_t begin = -first;  // of the draw, in `rows`
    for (std::size_t d = 0; d < draws.size(); ++d) {
        const Draw& draw = draws[d];
        const std::int64_t from = std::max<std::int64_t>(begin, 0);
        const std::int64_t to = std::min(begin + draw.count, count);
        if (from < to) {
            indices.resize(static_cast<std::size_t>(to - from));
            std::iota(indices.begin(), indices.end(), static_cast<std::uint64_t>(draw.start + from - begin));
            orders[d].apply(indices);
            const std::int32_t source = buckets[static_cast<std::size_t>(draw.bucket)].source();
            for (const std::uint64_t index : indices) {
                rows.push_back({source, draw.epoch, static_cast<std::int64_t>(index)});
            }
        }
        begin += draw.count;
    }
    rows.resize(static_cast<std::size_t>(count), RowRef{0, 0, kEmptyRow});
    return rows;
}

// The order of each draw's epoch. Throws std::out_of_range for a draw outside of its bucket.
std::vector<SourceBucket::Epoch> orders_of(std::span<const SourceBucket> buckets,
                                           std::span<const Draw> draws) {
    std::vector<SourceBucket::Epoch> orders;
    orders.reserve(draws.size());
    for (const Draw& draw : draws) {
        if (draw.bucket < 0 || static_cast<std::size_t>(draw.bucket) >= buckets.size()) {
            throw std::out_of_range("bucket " + std::to_string(draw.bucket) + " of " +
                                    std::to_string(buckets.size()));
        }
        const SourceBucket& bucket = buckets[static_cast<std::size_t>(draw.bucket)];
        if (draw.epoch < 0 || draw.start < 0 || draw.count < 0 || draw.start > bucket.size() ||
            draw.count > bucket.size() - draw.start) {
            throw std::out_of_range("draws " + std::to_string(draw.start) + " to " +
                                    std::to_string(draw.start) + " + " + std::to_string(draw.count) +
                                    " of a bucket of " + std::to_string(bucket.size()));
        }
        orders.emplace_back(bucket, draw.epoch);
    }
    return orders;
}

// Where each draw ends among the slots, which take the draws one after another.
std::vector<std::int64_t> ends_of(std::span<const Draw> draws) {
    std::vector<std::int64_t> ends;
    ends.reserve(draws.size());
    std::int64_t drawn = 0;
    for (const Draw& draw : draws) ends.push_back(drawn += draw.count);
    return ends;
}

void shuffle_slots(std::span<std::uint64_t> slots, std::int64_t size, std::uint64_t key) {
    const Permutation order(static_cast<std::uint64_t>(size), key);
    if (TabledPermutation::helps(order) && slots.size() >= TabledPermutation::worth(order)) {
        TabledPermutation(order).apply(slots);
    } else {
        order.apply(slots);
    }
}

// Rows sorted by the draw that their slot belongs to, by counting, so that those of one draw are found all at
// once: row places[at] has slot slots[at], and those of draw d are [begins[d], begins[d + 1]).
struct RowsByDraw {
    std::vector<std::size_t> places;
    std::vector<std::uint64_t> slots;
    std::vector<std::size_t> begins;  // behind the last draw come the empty rows
};

RowsByDraw sorted_by_draw(std::span<const std::uint64_t> slot_of_row, std::span<const std::int64_t> ends) {
    const std::size_t rows = slot_of_row.size();
    std::vector<std::size_t> draw_of(rows);
    RowsByDraw sorted{std::vector<std::size_t>(rows), std::vector<std::uint64_t>(rows),
                      std::vector<std::size_t>(ends.size() + 1)};
    for (std::size_t i = 0; i < rows; ++i) {
        const auto slot = static_cast<std::int64_t>(slot_of_row[i]);
        draw_of[i] =
            static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), slot) - ends.begin());
        ++sorted.begins[draw_of[i]];
    }
    // From here on each is the end of its draw's rows, and goes down to their begin.
    std::inclusive_scan(sorted.begins.begin(), sorted.begins.end(), sorted.begins.begin());
    for (std::size_t i = rows; i-- > 0;) {
        const std::size_t at = --sorted.begins[draw_of[i]];
        sorted.places[at] = i;
        sorted.slots[at] = slot_of_row[i];
    }
    return sorted;
}

// The rows at any slots.
std::vector<RowRef> rows_at(std::span<const SourceBucket> buckets, std::span<const Draw> draws,
                            std::span<const SourceBucket::Epoch> orders, std::span<const std::int64_t> ends,
                            std::span<const std::uint64_t> slot_of_row) {
    std::vector<RowRef> rows(slot_of_row.size(), RowRef{0, 0, kEmptyRow});
    RowsByDraw sorted = sorted_by_draw(slot_of_row, ends);
    for (std::size_t d = 0; d < draws.size(); ++d) {
        const std::size_t begin = sorted.begins[d];
        const auto indices = std::span(sorted.slots).subspan(begin, sorted.begins[d + 1] - begin);
        const auto first_slot = static_cast<std::uint64_t>(ends[d] - draws[d].count);
        for (std::uint64_t& index : indices) index += static_cast<std::uint64_t>(draws[d].start) - first_slot;
        orders[d].apply(indices);
        const std::int32_t source = buckets[static_cast<std::size_t>(draws[d].bucket)].source();
        for (std::size_t i = 0; i < indices.size(); ++i) {
            rows[sorted.places[begin + i]] = {source, draws[d].epoch, static_cast<std::int64_t>(indices[i])};
        }
    }
    return rows;
}

}  // namespace

std::vector<RowRef> draw_rows(std::span<const SourceBucket> buckets, std::span<const Draw> draws,
                              std::int64_t slots, std::int64_t first, std::int64_t stride, std::int64_t count,
                              std::optional<std::uint64_t> shuffle_key) {
    const std::vector<SourceBucket::Epoch> orders = orders_of(buckets, draws);
    if (first < 0 || stride < 1 || count < 0 || (count > 0 && first + (count - 1) * stride >= slots)) {
        throw std::out_of_range("the rows do not fit in a batch of " + std::to_string(slots));
    }
    if (!shuffle_key && stride == 1) return rows_in_order(buckets, draws, orders, first, count);
    const std::vector<std::int64_t> ends = ends_of(draws);
    std::vector<std::uint64_t> slot_of_row(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) {
        slot_of_row[static_cast<std::size_t>(i)] = static_cast<std::uint64_t>(first + i * stride);
    }
    if (shuffle_key)
        shuffle_slots(slot_of_row, std::max(slots, ends.empty() ? 0 : ends.back()), *shuffle_key);
    return rows_at(buckets, draws, orders, ends, slot_of_row);
}

}  // namespace pypack
