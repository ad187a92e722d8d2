#include "store/store_view.hpp"

#include <algorithm>
#include <stdexcept>

#include "common/checked.hpp"

namespace pypack {

StoreView::StoreView(std::vector<Shard> shards) : shards_(std::move(shards)), shard_looks_(shards_.size()) {
    if (shards_.empty()) throw std::invalid_argument("a store needs at least one shard");
    dtype_ = shards_.front().dtype();
    first_documents_.push_back(0);
    for (const Shard& shard : shards_) {
        if (shard.dtype() != dtype_) {
            throw std::invalid_argument(shard.bin_path() + ": dtype " +
                                        std::string(dtype_name(shard.dtype())) +
                                        " differs from the first shard's " + std::string(dtype_name(dtype_)));
        }
        first_documents_.push_back(
            checked_add(first_documents_.back(), shard.num_documents(), "the number of documents"));
        num_tokens_ = checked_add(num_tokens_, shard.num_tokens(), "the number of tokens");
    }
}

DocumentView StoreView::document(std::int64_t index, std::int64_t now) const {
    if (index < 0 || index >= num_documents()) {
        throw std::out_of_range("document " + std::to_string(index) + " of a store with " +
                                std::to_string(num_documents()) + " documents");
    }
    const std::size_t shard = shard_of(index);
    shard_looks_.look_if_due(shard, now, [&] { shards_[shard].check_not_cut(); });
    return shards_[shard].document(index - first_documents_[shard]);
}

void StoreView::prefetch_entries(std::int64_t index) const {
    if (index < 0 || index >= num_documents()) return;
    const std::size_t shard = shard_of(index);
    shards_[shard].prefetch_entries(index - first_documents_[shard]);
}

std::array<std::span<const std::byte>, 2> StoreView::index_entries(std::int64_t index) const {
    if (index < 0 || index >= num_documents()) return {};
    const std::size_t shard = shard_of(index);
    return shards_[shard].index_entries(index - first_documents_[shard]);
}

std::size_t StoreView::shard_of(std::int64_t index) const {
    if (shards_.size() == 1) return 0;
    const auto after = std::upper_bound(first_documents_.begin(), first_documents_.end(), index);
    return static_cast<std::size_t>(after - first_documents_.begin()) - 1;
}

void StoreView::copy_lengths(std::span<Length> out) const {
    check_not_cut();
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        shards_[i].copy_lengths(out.subspan(static_cast<std::size_t>(first_documents_[i]),
                                            static_cast<std::size_t>(shards_[i].num_documents())));
    }
}

void StoreView::look_around(std::int64_t now) const {
    static constexpr std::size_t kShardsAtOnce = 64;
    looks_around_.look_if_due(0, now, [this] {
        const std::size_t count = std::min(kShardsAtOnce, shards_.size());
        const std::size_t first = next_shard_.fetch_add(count, std::memory_order_relaxed);
        for (std::size_t i = 0; i < count; ++i) shards_[(first + i) % shards_.size()].check_not_cut();
    });
}

void StoreView::check_not_cut() const {
    for (const Shard& shard : shards_) shard.check_not_cut();
}

}  // namespace pypack
