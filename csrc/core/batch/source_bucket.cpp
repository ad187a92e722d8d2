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
constexpr std::uint64_t kWindowItems = 1;

std::int64_t num_windows(std::int64_t size, std::int64_t locality) {
    return locality <= 0 ? size : (size + locality - 1) / locality;
}

}  // namespace

SourceBucket::SourceBucket(std::int32_t source, std::vector<SequenceRange> ranges, std::uint64_t key, std::int64_t locality)
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
      items_(static_cast<std::uint64_t>(num_windows(bucket.size_, bucket.locality_)), key_) {
    if (bucket.locality_ > 0) short_place_ = static_cast<std::int64_t>(items_.inverse(items_.size() - 1));
}

std::int64_t SourceBucket::Epoch::operator()(std::int64_t index) const {
    if (bucket_.locality_ == kPlanOrder) return bucket_.sequence(index);
    return bucket_.sequence(bucket_.locality_ == 0
                              ? static_cast<std::int64_t>(items_(static_cast<std::uint64_t>(index)))
                              : windowed(index));
}

void SourceBucket::Epoch::apply(std::span<std::uint64_t> indices) const {
    if (bucket_.locality_ != 0) {
        for (std::uint64_t& index : indices) {
            index = static_cast<std::uint64_t>((*this)(static_cast<std::int64_t>(index)));
        }
        return;
    }
    if (const auto tables = bucket_.tables(epoch_, items_, indices.size())) {
        tables->apply(indices);
    } else {
        items_.apply(indices);
    }
    for (std::uint64_t& index : indices) {
        index = static_cast<std::uint64_t>(bucket_.sequence(static_cast<std::int64_t>(index)));
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

// The windows are permuted, and kOpenWindows of them at a time are shuffled together. The arithmetic is that
// of windows of one size, with the missing items of the short one taken out of the numbering behind it.
std::int64_t SourceBucket::Epoch::windowed(std::int64_t index) const {
    const std::int64_t locality = bucket_.locality_;
    const auto windows = static_cast<std::int64_t>(items_.size());
    const std::int64_t missing = windows * locality - bucket_.size_;
    const std::int64_t group_items = kOpenWindows * locality;
    const std::int64_t short_group = short_place_ / kOpenWindows;
    const std::int64_t open_in_short = std::min(kOpenWindows, windows - short_group * kOpenWindows);
    const std::int64_t short_group_end = short_group * group_items + open_in_short * locality - missing;
    if (index >= short_group_end) index += missing;
    const std::int64_t group = index / group_items;
    const std::int64_t open = std::min(kOpenWindows, windows - group * kOpenWindows);
    const std::int64_t items = open * locality - (group == short_group ? missing : 0);
    const Permutation inside(
        static_cast<std::uint64_t>(items),
        combine_keys(combine_keys(key_, kWindowItems), static_cast<std::uint64_t>(group)));
    auto place = static_cast<std::int64_t>(inside(static_cast<std::uint64_t>(index - group * group_items)));
    if (group == short_group) {
        const std::int64_t short_end = (short_place_ % kOpenWindows + 1) * locality - missing;
        if (place >= short_end) place += missing;
    }
    const auto chosen = items_(static_cast<std::uint64_t>(group * kOpenWindows + place / locality));
    return static_cast<std::int64_t>(chosen) * locality + place % locality;
}

namespace {

// The rows first, first + 1, ... of the draws, one draw after another.
std::vector<RowRef> rows_in_order(std::span<const SourceBucket> buckets, std::span<const Draw> draws,
                                  std::span<const SourceBucket::Epoch> orders, std::int64_t first,
                                  std::int64_t count) {
    std::vector<RowRef> rows(static_cast<std::size_t>(count), RowRef{0, 0, kEmptyRow});
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
            RowRef* row = rows.data() + from;
            for (const std::uint64_t index : indices) {
                *row++ = {source, draw.epoch, static_cast<std::int64_t>(index)};
            }
        }
        begin += draw.count;
    }
    return rows;
}

}  // namespace

std::vector<RowRef> draw_rows(std::span<const SourceBucket> buckets, std::span<const Draw> draws, std::int64_t slots,
                              std::int64_t first, std::int64_t stride, std::int64_t count,
                              std::optional<std::uint64_t> shuffle_key) {
    std::vector<SourceBucket::Epoch> orders;
    std::vector<std::int64_t> ends;
    orders.reserve(draws.size());
    ends.reserve(draws.size());
    std::int64_t drawn = 0;
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
        drawn += draw.count;
        ends.push_back(drawn);
    }
    if (first < 0 || stride < 1 || count < 0 || (count > 0 && first + (count - 1) * stride >= slots)) {
        throw std::out_of_range("the rows do not fit in a batch of " + std::to_string(slots));
    }
    if (!shuffle_key && stride == 1) return rows_in_order(buckets, draws, orders, first, count);
    std::vector<std::uint64_t> slot_of(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) {
        slot_of[static_cast<std::size_t>(i)] = static_cast<std::uint64_t>(first + i * stride);
    }
    if (shuffle_key) {
        const Permutation order(static_cast<std::uint64_t>(std::max(slots, drawn)), *shuffle_key);
        if (TabledPermutation::helps(order) && slot_of.size() >= TabledPermutation::worth(order)) {
            TabledPermutation(order).apply(slot_of);
        } else {
            order.apply(slot_of);
        }
    }
    std::vector<RowRef> rows(slot_of.size(), RowRef{0, 0, kEmptyRow});
    // The rows of one draw are found all at once: rows are sorted by their draw, by counting.
    std::vector<std::size_t> draw_of(rows.size());
    std::vector<std::size_t> group_end(draws.size() + 1);  // one more for the empty rows
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto slot = static_cast<std::int64_t>(slot_of[i]);
        draw_of[i] =
            static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), slot) - ends.begin());
        ++group_end[draw_of[i]];
    }
    std::inclusive_scan(group_end.begin(), group_end.end(), group_end.begin());
    std::vector<std::uint64_t> indices(rows.size());
    std::vector<std::size_t> places(rows.size());
    for (std::size_t i = rows.size(); i-- > 0;) {
        const std::size_t at = --group_end[draw_of[i]];  // ends as the begin of the group
        places[at] = i;
        indices[at] = slot_of[i];
    }
    for (std::size_t d = 0; d < draws.size(); ++d) {
        const std::size_t begin = group_end[d];
        const auto group = std::span(indices).subspan(begin, group_end[d + 1] - begin);
        const auto first_slot = static_cast<std::uint64_t>(ends[d] - draws[d].count);
        for (std::uint64_t& index : group) index += static_cast<std::uint64_t>(draws[d].start) - first_slot;
        orders[d].apply(group);
        const std::int32_t source = buckets[static_cast<std::size_t>(draws[d].bucket)].source();
        for (std::size_t i = 0; i < group.size(); ++i) {
            rows[places[begin + i]] = {source, draws[d].epoch, static_cast<std::int64_t>(group[i])};
        }
    }
    return rows;
}

}  // namespace pypack
